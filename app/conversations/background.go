package conversations

import (
	"context"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// sweepEvery is how often a process looks for what is left to do.
const sweepEvery = time.Minute

// sweep is work that a process does again and again. failed is logged with an error of do.
type sweep struct {
	do     func(context.Context) error
	failed string
}

// run does the sweeps at each tick, until ctx ends.
func run(ctx context.Context, tick <-chan time.Time, log *zap.Logger, sweeps ...sweep) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		for _, s := range sweeps {
			if err := s.do(dbmodule.Unobserved(ctx)); err != nil && ctx.Err() == nil {
				log.Warn(s.failed, zap.Error(err))
			}
		}
	}
}

// sweepInBackground sweeps from the application's start to its stop.
func sweepInBackground(d *Deleter, t *TagSorter, lifecycle fx.Lifecycle, log *zap.Logger) {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // it lives as long as the application
	ended := make(chan struct{})
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(ended)
				tick := time.NewTicker(sweepEvery)
				defer tick.Stop()
				run(ctx, tick.C, log,
					sweep{d.Sweep, "conversations that are being deleted are not gone yet"},
					sweep{t.Sweep, "listings by tag may lack what another build of the server stored"})
			}()
			return nil
		},
		OnStop: func(context.Context) error {
			cancel()
			<-ended
			return nil
		},
	})
}
