package app

import (
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule/dbmetrics"
	"github.com/openhands-go/server/dbmodule/dbtrace"
	"github.com/openhands-go/server/httpmodule/httpmetrics"
	"github.com/openhands-go/server/httpmodule/httpstatus"
	"github.com/openhands-go/server/httpmodule/httptrace"
)

// ObserveConfig says what the server tells about itself.
type ObserveConfig struct {
	Metrics bool `envconfig:"METRICS" default:"true" desc:"serve Prometheus metrics at /metrics, behind SESSION_API_KEY if that is set"`
	Status  bool `envconfig:"STATUS_PAGE" default:"true" desc:"show how the server is at /status, whose data is behind SESSION_API_KEY if that is set"`
}

// observed are the modules that watch the server: those that are off are not
// there, and cost nothing.
func (c ObserveConfig) observed() fx.Option {
	var modules []fx.Option
	if tracesWanted() {
		modules = append(modules, fx.Provide(newTracerProvider), httptrace.Module, dbtrace.Module)
	}
	if c.Metrics {
		modules = append(modules, httpmetrics.Module, dbmetrics.Module)
	}
	if c.Status {
		modules = append(modules, httpstatus.Module)
	}
	return fx.Options(modules...)
}
