package app_test

import (
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

func TestLogIsForPeopleOnATerminal(t *testing.T) {
	t.Parallel()
	person, stderr := terminal(t)
	cmd := exec.Command(serverBinary(t))
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PORT=0"}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = stderr.Close()
	tooLong := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer tooLong.Stop()
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(seen.String(), "schema    5 tables") {
		n, err := person.Read(buffer)
		if err != nil {
			break
		}
		seen.Write(buffer[:n])
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for _, want := range []string{"INFO", "OpenHands Server", "serving   http://127.0.0.1:", "schema    5 tables"} {
		if !strings.Contains(seen.String(), want) {
			t.Errorf("no %q in %q", want, seen.String())
		}
	}
	if strings.Contains(seen.String(), `{"level"`) {
		t.Errorf("JSON on a terminal: %q", seen.String())
	}
}
