package dbmodule

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Module supplies *Database, *bun.DB and *SessionFactory to an fx application.
// It needs a [Config] and a *zap.Logger in the graph, takes the models of
// [Models], and at the start does what DATABASE_SCHEMA says: it runs revisions
// when migrate.Module is there too, or creates tables when autogen.Module is.
// The pool is opened when the application starts and closed when it has stopped
// everything that depends on it.
var Module = fx.Module("dbmodule", fx.Provide(New))

// Params is what [New] takes from the graph.
type Params struct {
	fx.In

	Config    Config
	Log       *zap.Logger
	Lifecycle fx.Lifecycle
	Models    []any        `group:"dbmodule.models"`
	Tables    TableManager `optional:"true"`
	Migrator  Migrator     `optional:"true"`
	Observers []Observer   `group:"dbmodule.observers"`
	// ObserversOfEach make observers for each database of the application.
	ObserversOfEach []ObserverOf `group:"dbmodule.observersofeach"`
	// Shutdowner ends the application if a migration that outlives the start
	// fails. fx supplies it.
	Shutdowner fx.Shutdowner `optional:"true"`
}

// Result is what [New] adds to the graph.
type Result struct {
	fx.Out

	Database *Database
	DB       *bun.DB
	Sessions *SessionFactory
}

// New opens a [Database] and ties it to the application's life cycle. It does
// no I/O by itself. Without fx, use [Open].
func New(p Params) (Result, error) {
	if p.Config.Schema == SchemaCreate && len(p.Models) > 0 && p.Tables == nil {
		return Result{}, fmt.Errorf("dbmodule: DATABASE_SCHEMA=create: %w", errNoTables)
	}
	if p.Config.Schema.needsMigrator() && p.Migrator == nil {
		return Result{}, fmt.Errorf("dbmodule: DATABASE_SCHEMA=%s: %w", p.Config.Schema, errNoMigrator)
	}
	each, err := observersFor("", p.ObserversOfEach)
	if err != nil {
		return Result{}, err
	}
	opts := []Option{WithModels(p.Models...), WithObserver(p.Observers...), WithObserver(each...)}
	if p.Migrator != nil {
		opts = append(opts, WithMigrator(p.Migrator))
	}
	if p.Tables != nil {
		opts = append(opts, WithTables(p.Tables))
	}
	d, err := Open(p.Config, p.Log, opts...)
	if err != nil {
		return Result{}, err
	}

	// A hook whose start fails is not stopped: closing stands in a hook of
	// its own, before the one that opens.
	p.Lifecycle.Append(fx.Hook{OnStop: d.close})
	p.Lifecycle.Append(fx.Hook{OnStart: orClose(d, d.Connect)})
	s := &schemaStart{d: d, shutdowner: p.Shutdowner, log: d.log}
	if start := s.start(); start != nil {
		p.Lifecycle.Append(fx.Hook{OnStart: orClose(d, start), OnStop: s.stop})
	}
	return Result{Database: d, DB: d.DB(), Sessions: d.Sessions()}, nil
}

// orClose closes the database when its start fails: after a start that ran out
// of time fx runs no stop hooks, since their time is over as well.
func orClose(d *Database, start func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := start(ctx)
		if err != nil {
			err = errors.Join(err, d.Close())
		}
		return err
	}
}
