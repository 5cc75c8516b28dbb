//go:build unix

package dbtest_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// helperVariable makes TestHelperProcess play a test process: "engine ending".
const helperVariable = "DBTEST_KIT_HELPER"

// However a test process ends, nothing of its servers stays behind.
func TestEndedTestProcessLeavesNothing(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, engine dbmodule.Engine) {
		dbtest.URL(t, engine) // skips where there is none
		for _, ending := range []string{"killed while paused", "killed after a crash", "panic", "exit"} {
			t.Run(ending, func(t *testing.T) {
				t.Parallel()
				helper := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperProcess$", "-test.v", "-test.timeout=60s")
				helper.Env = append(os.Environ(), helperVariable+"="+string(engine)+" "+ending, "DBTEST_POSTGRES_URL=", "DBTEST_MYSQL_URL=")
				output, err := helper.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, helper.Start())

				var remains []remains
				var text strings.Builder
				lines := bufio.NewScanner(output)
				for lines.Scan() {
					fmt.Fprintln(&text, lines.Text())
					if at := strings.Index(lines.Text(), "server: "); at >= 0 {
						remains = append(remains, parseRemains(t, lines.Text()[at:]))
					}
					if strings.Contains(lines.Text(), "ready") && strings.HasPrefix(ending, "killed") {
						require.NoError(t, helper.Process.Kill())
					}
				}
				err = helper.Wait()
				if ending == "exit" {
					require.NoError(t, err, text.String())
				} else {
					require.Error(t, err, text.String())
				}
				require.NotEmpty(t, remains, text.String())
				for _, r := range remains {
					require.Eventually(t, r.gone, 20*time.Second, 20*time.Millisecond, "%+v", r)
				}
			})
		}
	})
}

// TestHelperProcess is no test: it is the process that the test above starts.
func TestHelperProcess(t *testing.T) {
	role, ending, ok := strings.Cut(os.Getenv(helperVariable), " ")
	if !ok {
		return
	}
	engine := dbmodule.Engine(role)
	t.Run("uses the kit", func(t *testing.T) {
		dbtest.Open(t, dbtest.Config(t, engine))
	})
	report(t, dbtest.SharedServer(engine))
	switch ending {
	case "exit":
		// The kit keeps no goroutine that the leak check of a user would find.
		goleak.VerifyNone(t)
		return
	case "panic":
		panic("as a timeout does")
	case "killed while paused":
		server := dbtest.StartServer(t, engine)
		dbtest.Open(t, server.Config(t))
		report(t, server)
		require.NoError(t, server.Pause())
	case "killed after a crash":
		server := dbtest.StartServer(t, engine)
		report(t, server)
		require.NoError(t, server.Kill())
	}
	fmt.Println("ready")
	time.Sleep(time.Minute)
}

// remains is what may be left of a server.
type remains struct {
	Folder string
	Port   int
	Pids   []int
}

func report(t *testing.T, server *dbtest.Server) {
	t.Helper()
	pids, err := server.Family()
	require.NoError(t, err)
	fmt.Println("server:", server.Folder(), server.Port(), strings.Trim(fmt.Sprint(pids), "[]"))
}

func parseRemains(t *testing.T, line string) remains {
	t.Helper()
	fields := strings.Fields(line)
	require.Greater(t, len(fields), 3, line)
	r := remains{Folder: fields[1]}
	var err error
	r.Port, err = strconv.Atoi(fields[2])
	require.NoError(t, err)
	for _, field := range fields[3:] {
		pid, err := strconv.Atoi(field)
		require.NoError(t, err)
		r.Pids = append(r.Pids, pid)
	}
	return r
}

func (r remains) gone() bool {
	if _, err := os.Stat(r.Folder); !errors.Is(err, os.ErrNotExist) {
		return false
	}
	if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port))); err == nil {
		_ = conn.Close()
		return false
	}
	for _, pid := range r.Pids {
		if running(pid) {
			return false
		}
	}
	return true
}

// running does not count what has ended and is only not waited for: what
// becomes of orphans is up to process 1 of the machine.
func running(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	return !strings.Contains(string(stat), ") Z ")
}

func TestServersAreStartedOnce(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, engine dbmodule.Engine) {
		dbtest.URL(t, engine)
		first := dbtest.SharedServer(engine)
		dbtest.URL(t, engine)
		assert.Same(t, first, dbtest.SharedServer(engine))
	})
}
