package dbcmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long a second signal counts as a copy of the first one. timeout(1) and process
// managers send a signal to a process and also to its group.
const sameSignal = 100 * time.Millisecond

// interruptible returns a context that the first SIGINT or SIGTERM ends, so that work
// stops at a point from which it can resume. A second signal ends the process in the
// default way.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	over := context.AfterFunc(ctx, func() {
		time.Sleep(sameSignal)
		stop()
	})
	return ctx, func() {
		over()
		stop()
	}
}
