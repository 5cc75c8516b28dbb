package dbcmd_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// The variables that make this test binary a program with a db command.
const (
	actAsProgram = "DBCMD_TEST_URL"
	actInFolder  = "DBCMD_TEST_DIR"
	actDeaf      = "DBCMD_TEST_DEAF"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(actAsProgram); url != "" {
		os.Exit(actAs(url, os.Args[1:]))
	}
	if os.Getenv(actDeaf) != "" {
		deaf()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func actAs(url string, args []string) int {
	root := &cobra.Command{Use: "program", SilenceErrors: true}
	root.AddCommand(dbcmd.New(dbcmd.Config{Dir: os.Getenv(actInFolder), Settings: func() (dbcmd.Settings, error) {
		cfg := dbmodule.DefaultConfig()
		err := cfg.URL.UnmarshalText([]byte(url))
		return dbcmd.Settings{Database: cfg}, err
	}}))
	root.SetArgs(append([]string{"db"}, args...))
	if err := root.ExecuteContext(context.Background()); err != nil {
		root.PrintErrln("program: " + err.Error())
		return 1
	}
	return 0
}

// slow is a statement that takes longer than any test.
var slow = map[dbmodule.Engine]string{
	dbmodule.SQLite:     "CREATE TABLE b AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000) SELECT count(*) FROM n",
	dbmodule.PostgreSQL: "SELECT pg_sleep(600)",
	dbmodule.MySQL:      "SELECT sleep(600)",
}

// A signal ends the work, says what is left of it, and leaves nothing that
// the next run can't go on with.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.URL(t, engine)
			cfg := dbmodule.DefaultConfig()
			require.NoError(t, cfg.URL.UnmarshalText([]byte(url)))
			p := newProgram(t).on(cfg)
			p.must("init")
			p.add("1", revisionText("one", "", "one"), emptySQL)
			p.add("2", revisionText("two", "one", "two"), "-- migrate:upgrade\nCREATE TABLE a (b int);\n\n"+slow[engine]+";\n\n-- migrate:downgrade\nDROP TABLE a;\n")

			var stdout bytes.Buffer
			stderr := &watched{want: "Running upgrade one -> two, two\n", seen: make(chan struct{})}
			cmd := exec.Command(os.Args[0], "upgrade")
			cmd.Env = append(os.Environ(), actAsProgram+"="+url, actInFolder+"="+p.config.Dir)
			cmd.Stdout, cmd.Stderr = &stdout, stderr
			require.NoError(t, cmd.Start())
			ended := wait(cmd)
			select {
			case <-stderr.seen:
			case <-ended:
				require.Fail(t, "it ended", stderr.text.String())
			}
			time.Sleep(300 * time.Millisecond) // into the slow statement
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				_ = cmd.Process.Kill()
				require.Fail(t, "it goes on")
			}
			require.Equal(t, 1, cmd.ProcessState.ExitCode())
			require.Empty(t, stdout.String())
			said := stderr.text.String()
			require.Contains(t, said, "program: dbcmd: upgrade: stopped early (interrupt signal received): the database is at one")
			require.Equal(t, "one\n", p.must("current").stdout)

			p.add("2", revisionText("two", "one", "two"), "-- migrate:upgrade\nCREATE TABLE a (b int);\n\nSELECT 1;\n\n-- migrate:downgrade\nDROP TABLE a;\n")
			if engine == dbmodule.MySQL {
				require.Contains(t, said, "and two is done in part: the same command goes on with it")
			} else {
				require.Contains(t, said, "nothing is done in part")
			}
			// MySQL's server may take a moment to notice that the other is gone.
			require.Contains(t, p.must("upgrade").stderr, "Running upgrade one -> two, two\n")
			p.must("downgrade", "base")
		})
	}
}

// The copy of a signal that a process's group gets is no second signal; a
// second one ends the process.
func TestSecondSignalEnds(t *testing.T) {
	t.Parallel()
	stderr := &watched{want: "waiting\n", seen: make(chan struct{})}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), actDeaf+"=1")
	cmd.Stderr = stderr
	require.NoError(t, cmd.Start())
	<-stderr.seen
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	ended := wait(cmd)
	select {
	case <-ended:
		require.Fail(t, "the copy of a signal ended it")
	case <-time.After(time.Second):
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	<-ended
	require.Equal(t, "signal: terminated", cmd.ProcessState.String())
	require.Equal(t, "waiting\ntold to stop\n", stderr.text.String())
}

// wait returns a channel that is closed when the command has ended.
func wait(cmd *exec.Cmd) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state says it all
		close(ended)
	}()
	return ended
}

// deaf waits for a signal, and then goes on all the same.
func deaf() {
	ctx, stop := dbcmd.Interruptible(context.Background())
	defer stop()
	_, _ = os.Stderr.WriteString("waiting\n")
	<-ctx.Done()
	_, _ = os.Stderr.WriteString("told to stop\n")
	time.Sleep(time.Minute)
}

// watched is a buffer that tells when a text has been written to it.
type watched struct {
	text strings.Builder
	want string
	seen chan struct{}
	told bool
}

// Write is called by one goroutine, that of exec.
func (w *watched) Write(b []byte) (int, error) {
	w.text.Write(b)
	if !w.told && strings.Contains(w.text.String(), w.want) {
		w.told = true
		close(w.seen)
	}
	return len(b), nil
}

// On a terminal long work shows a bar; elsewhere lines are all.
func TestBarOnATerminal(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t, dbmodule.SQLite)
	p := newProgram(t)
	p.must("init")
	p.add("1", revisionText("one", "", "one"), "-- migrate:upgrade\nCREATE TABLE a (b int);\nCREATE TABLE c (d int);\n\n-- migrate:downgrade\nDROP TABLE c;\nDROP TABLE a;\n")
	person, terminal := terminal(t)
	cmd := exec.Command(os.Args[0], "upgrade")
	cmd.Env = append(os.Environ(), actAsProgram+"="+url, actInFolder+"="+p.config.Dir)
	cmd.Stderr = terminal
	require.NoError(t, cmd.Start())
	require.NoError(t, terminal.Close())
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := person.Read(buffer)
		if err != nil {
			break // EIO once the program has closed its side
		}
		seen.Write(buffer[:n])
	}
	require.NoError(t, cmd.Wait())
	require.Contains(t, seen.String(), "Running upgrade  -> one, one\r\n")
	require.Contains(t, seen.String(), "revision 1 of 1, statements")
}
