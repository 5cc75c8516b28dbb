package app_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal makes a pseudo-terminal: what a person holds, and what a program
// sees.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func TestDropTablesAsksOnATerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer string
		code   int
		stdout string
		left   string
	}{
		{"yes\n", 0, "dropped events, conversations\n", "created conversations, events\n"},
		{"YES\n", 0, "dropped events, conversations\n", "created conversations, events\n"},
		{"y\n", 1, "", "all tables are there already\n"},
		{"\n", 1, "", "all tables are there already\n"},
		{"\x04", 1, "", "all tables are there already\n"}, // end of input
	} {
		t.Run(fmt.Sprintf("%q", test.answer), func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			command := func(args ...string) *exec.Cmd {
				cmd := exec.Command(program(t), args...)
				cmd.Dir = folder
				cmd.Env = []string{"LOG_LEVEL=warn"}
				return cmd
			}
			if out, err := command("db", "create-tables").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}

			person, stdin := terminal(t)
			var stdout, stderr bytes.Buffer
			drop := command("db", "drop-tables")
			drop.Stdin, drop.Stdout, drop.Stderr = stdin, &stdout, &stderr
			drop.WaitDelay = time.Second
			if err := drop.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := person.WriteString(test.answer); err != nil {
				t.Fatal(err)
			}
			_ = drop.Wait()
			if code := drop.ProcessState.ExitCode(); code != test.code || stdout.String() != test.stdout {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
			}
			for _, want := range []string{"This drops 2 tables with everything in them: conversations, events\n", "from sqlite: " + folder, "Type yes to go on: "} {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("no %q in %q", want, stderr.String())
				}
			}
			if test.code != 0 && !strings.HasSuffix(stderr.String(), "openhands-server: nothing was dropped\n") {
				t.Errorf("stderr %q", stderr.String())
			}
			out, err := command("db", "create-tables").CombinedOutput()
			if err != nil || string(out) != test.left {
				t.Errorf("left behind: %v, %q, want %q", err, out, test.left)
			}
		})
	}
}

func TestLogIsForPeopleOnATerminal(t *testing.T) {
	t.Parallel()
	person, stderr := terminal(t)
	cmd := exec.Command(program(t))
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PORT=0"}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = stderr.Close()
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(seen.String(), "schema    2 tables") {
		n, err := person.Read(buffer)
		if err != nil {
			break
		}
		seen.Write(buffer[:n])
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for _, want := range []string{"INFO", "OpenHands Server", "serving   http://127.0.0.1:"} {
		if !strings.Contains(seen.String(), want) {
			t.Errorf("no %q in %q", want, seen.String())
		}
	}
	if strings.Contains(seen.String(), `{"level"`) {
		t.Errorf("JSON on a terminal: %q", seen.String())
	}
}
