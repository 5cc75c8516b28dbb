//go:build !unix

package dbtest

import (
	"context"
	"os"
	"syscall"
	"time"
)

// errPlatform makes the servers' tests skip, as on a machine without servers.
var errPlatform = &missingError{"dbtest: throwaway servers need a Unix system; set DBTEST_POSTGRES_URL and DBTEST_MYSQL_URL"}

type process struct{ pid int }

func startProcess(account, string, string, *os.File, []string) (*process, error) {
	return nil, errPlatform
}

func spawn(account, string, []string, *os.File, *os.File, ...string) (*process, error) {
	return nil, errPlatform
}

func (*process) exited() bool                       { return true }
func (*process) await(context.Context) (int, error) { return -1, errPlatform }
func (*process) end(time.Duration) error            { return errPlatform }
func (*process) signal(syscall.Signal) error        { return errPlatform }
func (p *process) freeze() ([]int, error)           { return []int{p.pid}, errPlatform }

func killFamily([]int) error { return errPlatform }
func resume(int) error       { return errPlatform }
