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

// process is a child that is waited for by asking, since a goroutine that
// waits would outlive the tests and be found by their leak checks.
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
		// Never the test's own output: go test waits until nobody holds that.
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

// exited reports whether the process has ended. Until it does, its id belongs
// to nobody else.
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

// end waits for a process that was told to end, and kills it when it does not.
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

func (p *process) signal(s os.Signal) error {
	return signal(p.pid, s.(syscall.Signal))
}

// freeze stops the process and its children, and returns their ids, its own
// first.
func (p *process) freeze() ([]int, error) {
	family := []int{p.pid}
	if err := signal(p.pid, syscall.SIGSTOP); err != nil {
		return nil, err
	}
	// A child made just before the stop may show up only in the next round.
	for {
		found, err := children(p.pid)
		if err != nil {
			return family, err
		}
		fresh := false
		for _, pid := range found {
			if slices.Contains(family, pid) {
				continue
			}
			if err := signal(pid, syscall.SIGSTOP); err != nil {
				return family, err
			}
			family, fresh = append(family, pid), true
		}
		if !fresh {
			return family, nil
		}
	}
}

// children reads the kernel's process table.
func children(parent int) ([]int, error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return nil, fmt.Errorf("dbtest: find the server's processes: %w", err)
	}
	tables, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, table := range tables {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // it ended meanwhile
		}
		// "pid (name) state parent …", where the name may hold anything.
		line := string(text)
		fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(table)))
		if err != nil {
			return nil, err
		}
		found = append(found, pid)
	}
	return found, nil
}

func kill(pid int) error   { return signal(pid, syscall.SIGKILL) }
func resume(pid int) error { return signal(pid, syscall.SIGCONT) }

// signal takes a process that has ended meanwhile for one that obeyed.
func signal(pid int, s syscall.Signal) error {
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("dbtest: send %v to process %d: %w", s, pid, err)
	}
	return nil
}
