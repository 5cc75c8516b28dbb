package conversations

import (
	"context"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// sweepEvery is how often a process sweeps.
const sweepEvery = time.Minute

// sweep is work that a process repeats. failure is the log message if do returns an error.
type sweep struct {
	do      func(context.Context) error
	failure string
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
				log.Warn(s.failure, zap.Error(err))
			}
		}
	}
}

// sweepInBackground sweeps from the application's start to its stop.
func sweepInBackground(d *Deleter, r *Corrector, lifecycle fx.Lifecycle, log *zap.Logger) {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // OnStop cancels it
	ended := make(chan struct{})
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(ended)
				tick := time.NewTicker(sweepEvery)
				defer tick.Stop()
				run(ctx, tick.C, log,
					sweep{d.Sweep, "interrupted deletions of conversations could not be continued"},
					sweep{r.Sweep, "what another build of the server wrote could not be checked: listings by tag, title or parent may be incomplete"})
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
