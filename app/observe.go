package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbmetrics"
	"github.com/openhands-go/server/dbmodule/dbtrace"
	"github.com/openhands-go/server/httpmodule/httpmetrics"
	"github.com/openhands-go/server/httpmodule/httpstatus"
	"github.com/openhands-go/server/httpmodule/httpstream"
	"github.com/openhands-go/server/httpmodule/httptrace"
	"github.com/openhands-go/server/httpmodule/program"
)

// ObserveConfig turns metrics and the status page on and off.
type ObserveConfig struct {
	Metrics bool `envconfig:"METRICS" default:"true" desc:"serve Prometheus metrics at /metrics; they need a key if the server has one"`
	Status  bool `envconfig:"STATUS_PAGE" default:"true" desc:"serve a status page at /status; its data need a key if the server has one"`
}

// observers returns the modules for traces, metrics and the status page. Modules that are off are not in
// the graph, and cost nothing.
func (c Config) observers(p program.Program) fx.Option {
	var modules []fx.Option
	if tracesWanted() {
		modules = append(modules, fx.Provide(newTracerProvider(p)), httptrace.Module, dbtrace.Module)
	}
	if c.Observe.Metrics {
		modules = append(modules, httpmetrics.Module, dbmetrics.Module, fx.Invoke(countRefused, countStreams, countStored))
	}
	if c.Observe.Status {
		modules = append(modules, httpstatus.Module, httpstatus.AsFinding(findRefused))
	}
	return fx.Options(modules...)
}

// refusedTimeout is how long counting refused deliveries may take.
const refusedTimeout = 2 * time.Second

// keptRefused returns how many refused deliveries are kept.
func keptRefused(ctx context.Context, db *dbmodule.Database, store *refused.Store) (n int64, err error) {
	ctx, cancel := context.WithTimeout(dbmodule.Unobserved(ctx), refusedTimeout)
	defer cancel()
	session := db.Sessions().New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	return store.Count(ctx, session)
}

// countRefused adds metrics of refused deliveries.
func countRefused(registry prometheus.Registerer, db *dbmodule.Database, store *refused.Store, log *zap.Logger) error {
	recorded := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "webhook_refused_total", Help: "Deliveries of agent servers that this process could not store.",
	}, func() float64 { return float64(store.Recorded()) })
	kept := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "webhook_refused_deliveries", Help: "Refused deliveries that are kept, to be tried again or dropped.",
	}, func() float64 {
		n, err := keptRefused(context.Background(), db, store)
		if err != nil {
			log.Warn("metrics: refused deliveries can't be counted", zap.Error(err))
			return math.NaN()
		}
		return float64(n)
	})
	return errors.Join(registry.Register(recorded), registry.Register(kept))
}

// countStreams adds metrics of live streams.
func countStreams(registry prometheus.Registerer, streams *httpstream.Streams) error {
	value := func(of func(httpstream.Stats) int64) func() float64 {
		return func() float64 { return float64(of(streams.Stats())) }
	}
	gauge := func(name, help string, of func(httpstream.Stats) int64) error {
		return registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value(of)))
	}
	counter := func(name, help string, of func(httpstream.Stats) int64) error {
		return registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value(of)))
	}
	closed := func(reason string, of func(httpstream.Stats) int64) error {
		return registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "http_stream_closed_total", Help: "Live streams that have ended, by what ended them.", ConstLabels: prometheus.Labels{"reason": reason},
		}, value(of)))
	}
	return errors.Join(
		closed("client", func(s httpstream.Stats) int64 { return s.Left }),
		closed("no_pong", func(s httpstream.Stats) int64 { return s.Gone }),
		closed("slow", func(s httpstream.Stats) int64 { return s.Slow }),
		closed("too_large", func(s httpstream.Stats) int64 { return s.TooLarge }),
		closed("stop", func(s httpstream.Stats) int64 { return s.Stopped }),
		closed("server", func(s httpstream.Stats) int64 { return s.Finished }),
		closed("error", func(s httpstream.Stats) int64 { return s.Failed }),
		gauge("http_stream_sockets", "Websockets that are open.", func(s httpstream.Stats) int64 { return s.Sockets }),
		gauge("http_stream_event_streams", "Streams of server-sent events that are open.", func(s httpstream.Stats) int64 { return s.Events }),
		counter("http_stream_opened_total", "Live streams that were opened.", func(s httpstream.Stats) int64 { return s.Opened }),
		counter("http_stream_refused_total", "Live streams that were refused because too many were open.", func(s httpstream.Stats) int64 { return s.Refused }),
		counter("http_stream_sent_total", "Messages that were sent to live streams.", func(s httpstream.Stats) int64 { return s.Sent }),
	)
}

// findRefused is a finding of the page /status: it says how many refused deliveries are kept.
func findRefused(db *dbmodule.Database, store *refused.Store) httpstatus.Finding {
	return func(ctx context.Context) (string, error) {
		n, err := keptRefused(ctx, db, store)
		if err != nil || n == 0 {
			return "", err
		}
		deliveries := "deliveries"
		if n == 1 {
			deliveries = "delivery"
		}
		return fmt.Sprintf("%d %s of agent servers could not be stored: see /api/v1/webhooks/refused", n, deliveries), nil
	}
}
