package dbcmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long the copies of one signal take to arrive: timeout(1)
// and process managers send to a process and to its group.
const sameSignal = 100 * time.Millisecond

// interruptible returns a context that the first SIGINT or SIGTERM ends, so
// that work stops at a place it can go on from. The second one then ends the
// process as if nobody listened.
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
