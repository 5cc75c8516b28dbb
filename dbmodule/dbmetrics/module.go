package dbmetrics

import (
	"context"

	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
)

// Module adds metrics of the graph's database to the graph's
// prometheus.Registerer, which it needs; httpmetrics.Module has one, and serves
// it.
var Module = fx.Module("dbmetrics",
	fx.Provide(New),
	dbmodule.AsObserver(func(m *Metrics) *Metrics { return m }),
	fx.Invoke(watch),
)

// watch reads the schema from the application's start to its stop.
func watch(m *Metrics, database *dbmodule.Database, lifecycle fx.Lifecycle) {
	var end context.CancelFunc
	lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			ctx, end = context.WithCancel(context.WithoutCancel(ctx))
			return m.Watch(ctx, database)
		},
		OnStop: func(context.Context) error {
			end()
			return nil
		},
	})
}
