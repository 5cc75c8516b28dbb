package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/openhands-go/server/app"
)

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) all() string { return r.stdout + r.stderr }

// call runs a command in this process, without a terminal.
func call(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := app.Main(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// callWithin is call with a context of its own.
func callWithin(ctx context.Context, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := app.Main(ctx, args, strings.NewReader(""), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// settingEntry is an entry of "config --format json".
type settingEntry struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
	Set     bool   `json:"set"`
	Problem string `json:"problem"`
}

func listed(t *testing.T) []settingEntry {
	t.Helper()
	r := call(t, "config", "--format", "json")
	if r.code != 0 {
		t.Fatalf("config --format json: exit code %d: %s", r.code, r.stderr)
	}
	var entries []settingEntry
	if err := json.Unmarshal([]byte(r.stdout), &entries); err != nil {
		t.Fatal(err)
	}
	return entries
}

// environment replaces every setting of this process's environment until the
// end of the test.
func environment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, s := range listed(t) {
		t.Setenv(s.Name, "") // restores at the end
		if err := os.Unsetenv(s.Name); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
}
