//go:build unix

package credentials

import (
	"os/exec"
	"syscall"
)

// endGroup has a command run in a process group of its own, and all of that
// ended when its time is over.
func endGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
