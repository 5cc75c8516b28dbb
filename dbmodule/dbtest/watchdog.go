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

// watchdog is a child process that ends a server and removes its folder when the
// test process has ended. Package testing has no clean-up for a whole process, and
// no clean-up could run after a kill or a timeout's panic. So the watchdog reads
// from a pipe to which nobody writes. When the test process ends, for whatever
// reason, the kernel closes the other end of the pipe, and the read ends.
type watchdog struct {
	process *process
	pipe    *os.File
	folder  string
}

// watchdogScript takes the folder and the number of the signal that ends the server.
// It sends SIGCONT first, since a suspended process would not react to the signal. A
// process that has ended may stay a zombie for a while, until its parent waits for
// it: the test process, or later the process that adopts orphans.
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

// resumed tells the watchdog that no process is paused any more.
func (w *watchdog) resumed() error { return w.remove("paused") }

// forget tells the watchdog that the server has ended, so that it sends no signal to
// its process id, which another process may get soon.
func (w *watchdog) forget() error { return errors.Join(w.remove("pid"), w.resumed()) }

func (w *watchdog) remove(name string) error {
	if err := os.Remove(w.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("dbtest: tell watchdog: %w", err)
	}
	return nil
}

func (w *watchdog) file(name string) string { return filepath.Join(w.folder, name) }

// release makes the watchdog end the server and remove the folder now, and waits until the watchdog
// has ended.
func (w *watchdog) release() error {
	return errors.Join(w.pipe.Close(), w.process.end(endLimit))
}
