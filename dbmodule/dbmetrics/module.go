package dbmetrics

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
)

// Module registers metrics of the graph's databases with the graph's prometheus.Registerer, which
// it needs. httpmetrics.Module supplies one and serves its metrics. Every series has the label
// database: [MainDatabase] for the database of dbmodule.Module, and the name of a database of
// dbmodule.Named.
var Module = fx.Module("dbmetrics",
	fx.Provide(newAll, func(a *metricsByDatabase) (*Metrics, error) { return a.of("") }),
	dbmodule.AsObserverOfEach(func(a *metricsByDatabase) dbmodule.ObserverOf {
		return func(database string) (dbmodule.Observer, error) { return a.of(database) }
	}),
	fx.Invoke(watch),
)

// MainDatabase is the value of the label database for the database that has no name of
// its own. No database of dbmodule.Named may have this name.
const MainDatabase = "main"

// metricsByDatabase has the metrics of an application's databases.
type metricsByDatabase struct {
	registerer prometheus.Registerer

	mu     sync.Mutex
	byName map[string]*Metrics
}

func newAll(registerer prometheus.Registerer) *metricsByDatabase {
	return &metricsByDatabase{registerer: registerer, byName: make(map[string]*Metrics)}
}

// of returns the metrics of the database with this name, which is "" for the main one. The first
// call for a name makes them.
func (a *metricsByDatabase) of(database string) (*Metrics, error) {
	if database == MainDatabase {
		return nil, fmt.Errorf("dbmetrics: database %s: the label of the database without a name is called so: choose another name", database)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if m, ok := a.byName[database]; ok {
		return m, nil
	}
	label := database
	if label == "" {
		label = MainDatabase
	}
	m, err := New(prometheus.WrapRegistererWith(prometheus.Labels{"database": label}, a.registerer))
	if err != nil {
		return nil, err
	}
	a.byName[database] = m
	return m, nil
}

// watched are the parameters of watch: the databases of a graph and their metrics.
type watched struct {
	fx.In

	Metrics   *metricsByDatabase
	Main      *dbmodule.Database       `optional:"true"`
	Others    []dbmodule.NamedDatabase `group:"dbmodule.databases"`
	Lifecycle fx.Lifecycle
}

// watch adds the metrics of Metrics.Watch when the application starts. When it stops, their reads
// end.
func watch(w watched) {
	databases := w.Others
	if w.Main != nil {
		databases = append(databases, dbmodule.NamedDatabase{Database: w.Main})
	}
	var end context.CancelFunc
	w.Lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			ctx, end = context.WithCancel(context.WithoutCancel(ctx))
			var errs []error
			for _, one := range databases {
				m, err := w.Metrics.of(one.Name)
				if err == nil {
					err = m.Watch(ctx, one.Database)
				}
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
		OnStop: func(context.Context) error {
			end()
			return nil
		},
	})
}
