//go:build unix

package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child process whose end is polled. A goroutine that waits for it would
// outlive the tests, and their leak checks would find it.
type process struct {
	pid    int
	reaped bool
	status syscall.WaitStatus
}

// startProcess runs a command of a server. The watchdog learns its id before
// the command begins.
func startProcess(a account, folder, path string, log *os.File, command []string) (*process, error) {
	env := []string{"PATH=" + path, "HOME=" + folder, "LC_ALL=C"}
	args := append([]string{"/bin/sh", "-c", `echo $$ >"$0/pid" && exec "$@"`, folder}, command...)
	p, err := spawn(a, folder, env, nil, log, args...)
	if err != nil {
		return nil, fmt.Errorf("dbtest: run %s: %w", filepath.Base(command[0]), err)
	}
	return p, nil
}

// spawn starts a child in a session of its own, so that a Ctrl-C meant for
// the tests does not reach it.
func spawn(a account, folder string, env []string, stdin, output *os.File, command ...string) (*process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = folder, env
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if output != nil {
		// Never the test's own output: go test waits until no process has it open.
		cmd.Stdout, cmd.Stderr = output, output
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid}
	return p, cmd.Process.Release()
}

// exited reports whether the process has ended. Until it reports that, no other
// process gets the same id.
func (p *process) exited() bool {
	if p.reaped {
		return true
	}
	pid, err := syscall.Wait4(p.pid, &p.status, syscall.WNOHANG, nil)
	p.reaped = pid == p.pid || errors.Is(err, syscall.ECHILD)
	return p.reaped
}

// await waits for the end of the process and returns its exit status; when
// ctx ends first, it kills the process.
func (p *process) await(ctx context.Context) (int, error) {
	for !p.exited() {
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return -1, errors.Join(err, kill(p.pid), p.end(endLimit))
		}
	}
	return p.status.ExitStatus(), nil
}

// end waits for a process that got a signal to end, and kills it after limit.
func (p *process) end(limit time.Duration) error {
	killAt, giveUpAt := time.Now().Add(limit), time.Now().Add(2*limit)
	killed := false
	for !p.exited() {
		switch now := time.Now(); {
		case now.After(giveUpAt):
			return fmt.Errorf("dbtest: end process %d: it is still there after %v", p.pid, 2*limit)
		case now.After(killAt) && !killed:
			killed = true
			if err := kill(p.pid); err != nil {
				return err
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

func (p *process) signal(s syscall.Signal) error { return signal(p.pid, s) }

// freeze stops the process and its children, and returns their ids, its own
// first. When it returns, none of them runs any more.
func (p *process) freeze() ([]int, error) {
	family := []int{p.pid}
	if err := stop(p.pid); err != nil {
		return family, err
	}
	// From here on the process can start no more children.
	found, err := children(p.pid)
	family = append(family, found...)
	for _, pid := range found {
		err = errors.Join(err, stop(pid))
	}
	return family, err
}

// stop suspends a process and returns when all its threads have stopped. After the
// signal each thread runs on until it notices the signal.
func stop(pid int) error {
	return errors.Join(signal(pid, syscall.SIGSTOP), awaitStates(pid, "TtZX"))
}

// killFamily kills the processes that freeze returned. This process is not the parent
// of the children and can't wait for them, so it reads the process table.
func killFamily(family []int) error {
	var errs []error
	for _, pid := range family {
		errs = append(errs, kill(pid))
	}
	for _, pid := range family[1:] {
		errs = append(errs, awaitStates(pid, "ZX"))
	}
	return errors.Join(errs...)
}

// awaitStates waits until every thread of a process is in one of the states,
// which the kernel abbreviates: T and t are stopped, Z and X have ended.
func awaitStates(pid int, states string) error {
	for until := time.Now().Add(endLimit); time.Now().Before(until); time.Sleep(time.Millisecond) {
		threads, err := processTable(fmt.Sprintf("/proc/%d/task/[0-9]*/stat", pid))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(threads, func(e entry) bool { return !strings.Contains(states, e.state) }) {
			return nil
		}
	}
	return fmt.Errorf("dbtest: signal process %d: it has not obeyed after %v", pid, endLimit)
}

func children(parent int) ([]int, error) {
	table, err := processTable("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, e := range table {
		if e.parent == parent {
			found = append(found, e.id)
		}
	}
	return found, nil
}

// entry is one line of the kernel's process table.
type entry struct {
	id, parent int
	state      string
}

func processTable(pattern string) ([]entry, error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return nil, fmt.Errorf("dbtest: read process table: %w", err)
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("dbtest: read process table: %w", err)
	}
	var table []entry
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		// "id (name) state parent …", where the name may hold anything.
		line := string(text)
		fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
		if len(fields) < 2 {
			continue
		}
		id, idErr := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		parent, parentErr := strconv.Atoi(fields[1])
		if err := errors.Join(idErr, parentErr); err != nil {
			return nil, fmt.Errorf("dbtest: read process table: %w", err)
		}
		table = append(table, entry{id: id, parent: parent, state: fields[0]})
	}
	return table, nil
}

func kill(pid int) error   { return signal(pid, syscall.SIGKILL) }
func resume(pid int) error { return signal(pid, syscall.SIGCONT) }

// signal sends a signal. If the process has ended meanwhile, that is no error.
func signal(pid int, s syscall.Signal) error {
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("dbtest: send %v to process %d: %w", s, pid, err)
	}
	return nil
}
