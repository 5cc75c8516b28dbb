package gauge

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

// Main is the whole of a contender's program: what [Launch] starts. It returns
// the exit code.
func Main(ctx context.Context, args []string, serve contract.ServeFunc, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c contract.Config
	flags := flag.NewFlagSet("contender", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Func("engine", "sqlite, postgresql or mysql", func(name string) error {
		c.Engine = dbmodule.Engine(name)
		return nil
	})
	flags.IntVar(&c.Pool, "pool", 5, "connections")
	flags.StringVar(&c.Synchronous, "synchronous", "NORMAL", "SQLite's durability")
	if flags.Parse(args) != nil {
		return 2
	}
	if err := Serve(ctx, serve, c, stdin, stdout); err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
