package app_test

import (
	"os"
	"strings"
	"testing"
)

const deploy = "../docs/deploy/"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// knownSetting fails the test for a variable that is no setting of the server's.
func knownSetting(t *testing.T, where, name string) {
	t.Helper()
	for _, s := range listed(t) {
		if s.Name == name {
			return
		}
	}
	t.Errorf("%s sets %s, which is no setting", where, name)
}

// Not parallel: it sets environment variables.
func TestHealthcheckNeedsToKnowThePort(t *testing.T) {
	environment(t, map[string]string{"PORT": "0"})
	if r := call(t, "healthcheck"); r.code != 1 || !strings.Contains(r.stderr, "PORT=0 does not say where") {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
}
