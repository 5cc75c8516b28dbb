package dbtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// watchdog is a child process that ends a server and removes its folder when
// the test process is gone. Package testing has no clean-up for a process as
// a whole, and none could run after a kill or a timeout's panic. So the
// watchdog reads from a pipe that nobody writes to: the read ends when the
// kernel has closed the other end together with the test process, however
// that ended.
type watchdog struct {
	process *process
	pipe    *os.File
	folder  string
}

// watchdogScript takes the folder and the number of the signal that ends the
// server. A stopped process would not act on it, hence SIGCONT first. One that
// has ended may stay in the table as a zombie: its parent is the test process,
// and then whoever adopts orphans, at leisure.
const watchdogScript = `
cat >/dev/null
[ -f "$1/pid" ] && read -r pid <"$1/pid" && {
	[ -f "$1/paused" ] && kill -CONT $(cat "$1/paused")
	kill -"$2" "$pid"
	tries=0
	while kill -0 "$pid" && ! grep -q '^State:.Z' "/proc/$pid/status" && [ $((tries += 1)) -le 50 ]; do sleep 0.1; done
	kill -KILL "$pid"
}
rm -rf "$1"
`

func startWatchdog(a account, folder string, end syscall.Signal) (*watchdog, error) {
	// Both ends are closed on exec, so that no other child holds the pipe open.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("dbtest: start watchdog: %w", err)
	}
	p, err := spawn(a, "/", nil, r, nil, "/bin/sh", "-c", watchdogScript, "dbtest-watchdog", folder, strconv.Itoa(int(end)))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("dbtest: start watchdog: %w", err), w.Close())
	}
	return &watchdog{process: p, pipe: w, folder: folder}, nil
}

// paused tells the watchdog which processes to wake before it ends them.
func (w *watchdog) paused(pids []int) error {
	var text strings.Builder
	for _, pid := range pids {
		fmt.Fprintln(&text, pid)
	}
	// The watchdog may run as another user; the folder keeps all others out.
	if err := os.WriteFile(w.file("paused"), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("dbtest: tell watchdog: %w", err)
	}
	return nil
}

// resumed takes back what paused said.
func (w *watchdog) resumed() error { return w.remove("paused") }

// forget makes the watchdog leave alone a server that has ended, since its
// process id may soon be another's.
func (w *watchdog) forget() error { return errors.Join(w.remove("pid"), w.resumed()) }

func (w *watchdog) remove(name string) error {
	if err := os.Remove(w.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("dbtest: tell watchdog: %w", err)
	}
	return nil
}

func (w *watchdog) file(name string) string { return filepath.Join(w.folder, name) }

// release lets the watchdog do its work now and waits for its end.
func (w *watchdog) release() error {
	return errors.Join(w.pipe.Close(), w.process.end(endLimit))
}
