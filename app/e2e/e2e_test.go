// Package e2e_test runs the server as its users do: the built binary, on every
// engine, asked by the unmodified npm client, by agent servers' webhooks and by
// a browser, and its libraries composed by a module that is not this one.
//
// The tests need node, npm, a python3 with websockets and, for the browser, Chromium. Where one is missing
// they skip with the reason, unless DBTEST_REQUIRE is all.
package e2e_test

import (
	"fmt"
	"os"
	"testing"
)

// work is a folder for what the tests of this process share: the built server
// and the installed npm packages.
var work string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	if work, err = os.MkdirTemp("", "openhands-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: make folder:", err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(work); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: remove folder:", err)
			code = max(code, 1)
		}
	}()
	return m.Run()
}

// missing ends a test that needs what this machine does not have.
func missing(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("DBTEST_REQUIRE") == "all" {
		t.Fatalf("%s (DBTEST_REQUIRE asks for all)", reason)
	}
	t.Skip(reason)
}
