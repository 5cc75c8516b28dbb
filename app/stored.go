package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
)

// countStored adds metrics of conversations and events.
func countStored(
	registry prometheus.Registerer, db *dbmodule.Database, c *conversations.Store, e *events.Store, log *zap.Logger,
) error {
	counter := func(name, help string, of func() int64) error {
		return registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(of()) }))
	}
	return errors.Join(
		counter("store_conversations_created_total", "Conversations that this process stored.", func() int64 { return c.Counts().Created }),
		counter("store_conversations_deleted_total", "Conversations that this process deleted.", func() int64 { return c.Counts().Deleted }),
		counter("store_conversations_repeated_total", "Pushes of a conversation's state that changed nothing.", func() int64 { return c.Counts().Repeated }),
		counter("store_events_added_total", "Events that this process stored.", func() int64 { return e.Counts().Added }),
		counter("store_events_added_bytes_total", "Bytes of the events that this process stored, before compression.", func() int64 { return e.Counts().Bytes }),
		counter("store_events_repeated_total", "Events that were pushed again although they were stored already.", func() int64 { return e.Counts().Repeated }),
		registry.Register(&totals{db: db, log: log, of: []*total{
			{desc: prometheus.NewDesc("store_conversations", "Conversations that are stored.", nil, nil), read: c.Total},
			{desc: prometheus.NewDesc("store_events", "Events that are stored.", nil, nil), read: e.Total},
		}}),
	)
}

const (
	// totalsMaxAge is how long the counted numbers are reused.
	totalsMaxAge = time.Minute
	// totalsTimeout is how long counting may take.
	totalsTimeout = 2 * time.Second
)

// totals is a collector whose numbers the database counts when Prometheus scrapes them. It leaves out a
// number that could not be counted in time.
type totals struct {
	db  *dbmodule.Database
	log *zap.Logger
	of  []*total

	mu        sync.Mutex
	countedAt time.Time
}

// total is a metric that is a number of rows.
type total struct {
	desc  *prometheus.Desc
	read  func(ctx context.Context, db *dbmodule.Session) (int64, error)
	n     int64
	known bool
}

// Describe implements prometheus.Collector.
func (t *totals) Describe(out chan<- *prometheus.Desc) {
	for _, one := range t.of {
		out <- one.desc
	}
}

// Collect implements prometheus.Collector.
func (t *totals) Collect(out chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.countedAt) >= totalsMaxAge {
		if err := t.count(); err != nil {
			t.log.Warn("metrics: conversations or events can't be counted", zap.Error(err))
		}
		t.countedAt = time.Now()
	}
	for _, one := range t.of {
		if one.known {
			out <- prometheus.MustNewConstMetric(one.desc, prometheus.GaugeValue, float64(one.n))
		}
	}
}

func (t *totals) count() (err error) {
	ctx, cancel := context.WithTimeout(dbmodule.Unobserved(context.Background()), totalsTimeout)
	defer cancel()
	session := t.db.Sessions().New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	for _, one := range t.of {
		n, failed := one.read(ctx, session)
		one.n, one.known = n, failed == nil
		err = errors.Join(err, failed)
	}
	return err
}
