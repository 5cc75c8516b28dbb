package dbmodule_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// unitCounter counts the units of work of the database that it is told of.
type unitCounter struct {
	dbmodule.Observer
	ended atomic.Int64
}

func (c *unitCounter) Acquired(context.Context, dbmodule.Acquisition) {}

func (c *unitCounter) Statement(context.Context, dbmodule.Statement) {}

func (c *unitCounter) UnitBegan(ctx context.Context, _ dbmodule.UnitOfWork) context.Context {
	return ctx
}

func (c *unitCounter) UnitEnded(context.Context, dbmodule.UnitEnd) { c.ended.Add(1) }

func TestNamedDatabases(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"1_a1/revision.txt": {Data: []byte("make reports\n\nRevision ID: a1\nRevises: \nCreate Date: 2026-11-24T20:30:00Z\n")},
		"1_a1/all.sql":      {Data: []byte("-- migrate:upgrade\nCREATE TABLE reports (n BIGINT PRIMARY KEY);\n")},
	}
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		archive, reports := dbtest.Config(t, cfg.URL.Engine()), dbtest.Config(t, dbmodule.SQLite)
		reports.Schema = dbmodule.SchemaMigrate
		units := &unitCounter{}
		var in struct {
			fx.In

			Main     *dbmodule.Database
			Archive  *dbmodule.Database       `name:"archive"`
			Reports  *dbmodule.Database       `name:"reports"`
			Sessions *dbmodule.SessionFactory `name:"reports"`
			Migrator *migrate.Migrator        `name:"reports"`
		}
		app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, zap.NewNop()),
			dbmodule.Module, autogen.Module, dbmodule.Models((*Account)(nil)),
			dbmodule.Named("archive"), dbmodule.NamedConfig("archive", archive), dbmodule.NamedModels("archive", (*Account)(nil)),
			dbmodule.AsNamedObserver("archive", func() *unitCounter { return units }),
			dbmodule.Named("reports"), dbmodule.NamedConfig("reports", reports), migrate.Named("reports", migrate.Source{FS: files}),
			fx.Populate(&in))
		app.RequireStart()
		require.NoError(t, in.Archive.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "old") }))
		assert.Equal(t, []string{"old"}, names(t, in.Archive))
		assert.Empty(t, names(t, in.Main))
		assert.NotZero(t, units.ended.Load())
		require.NoError(t, in.Sessions.InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			_, err := s.ExecContext(ctx, "INSERT INTO reports VALUES (1)")
			return err
		}))
		current, err := in.Migrator.Current(t.Context(), in.Reports.DB())
		require.NoError(t, err)
		assert.Equal(t, []string{"a1"}, current)
		app.RequireStop()
		require.Error(t, in.Archive.Ping(t.Context()), "it is closed")
		require.Error(t, in.Reports.Ping(t.Context()), "it is closed")
	})
}

func TestNamedSaysWhichDatabaseIsWrong(t *testing.T) {
	t.Parallel()
	app := fx.New(fx.NopLogger, fx.Supply(zap.NewNop()), dbmodule.Named("archive"),
		dbmodule.NamedConfig("archive", dbmodule.DefaultConfig()), dbmodule.NamedModels("archive", (*Account)(nil)),
		fx.Invoke(fx.Annotate(func(*dbmodule.Database) {}, fx.ParamTags(`name:"archive"`))))
	require.ErrorContains(t, app.Err(), "database archive: dbmodule: ")
}
