package dbmodule_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func TestModuleCreatesTablesAndServesSessions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		var sessions *dbmodule.SessionFactory
		var db *dbmodule.Database
		app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, zap.NewNop()),
			// Invoked first, listed first: order of modules does not matter.
			fx.Invoke(func(lc fx.Lifecycle, s *dbmodule.SessionFactory) {
				lc.Append(fx.Hook{
					OnStart: func(ctx context.Context) error {
						return s.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "at start") })
					},
					OnStop: func(ctx context.Context) error {
						return s.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "at stop") })
					},
				})
			}),
			dbmodule.Models((*Account)(nil)), autogen.Module, dbmodule.Module,
			fx.Populate(&sessions, &db))
		app.RequireStart()
		assert.Equal(t, []string{"at start"}, names(t, db))
		state, err := db.SchemaState(t.Context())
		require.NoError(t, err)
		assert.True(t, state.Ready)
		app.RequireStop()

		err = sessions.New().NewSelect().Model(new(Account)).Scan(t.Context())
		require.Error(t, err, "the pool is closed")

		// A second start finds the tables and the rows.
		again := dbtest.Open(t, cfg)
		assert.Equal(t, []string{"at start", "at stop"}, names(t, again))
	})
}

func TestModuleWithoutTableManagerSaysHowToGetOne(t *testing.T) {
	t.Parallel()
	app := fx.New(fx.NopLogger, fx.Supply(dbmodule.DefaultConfig(), zap.NewNop()),
		dbmodule.Models((*Account)(nil)), dbmodule.Module, fx.Invoke(func(*dbmodule.Database) {}))
	require.ErrorContains(t, app.Err(), "autogen.Module")
}

func TestModuleWithSchemaNoneLeavesTheSchemaAlone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.Schema = dbmodule.SchemaNone
		var db *dbmodule.Database
		app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, zap.NewNop()),
			dbmodule.Models((*Account)(nil)), autogen.Module, dbmodule.Module, fx.Populate(&db))
		app.RequireStart()
		state, err := db.SchemaState(t.Context())
		require.NoError(t, err)
		assert.Equal(t, dbmodule.SchemaState{Missing: []string{"accounts"}}, state)
		app.RequireStop()
	})
}

// A start that fails must leave no connection, file or goroutine behind.
func TestFailedStartLeaksNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	cfg := dbmodule.DefaultConfig()
	cfg.URL, err = dbmodule.ParseURL("postgresql://me:s3cret@" + address + "/x")
	require.NoError(t, err)
	boom := errors.New("boom")
	memory := dbmodule.DefaultConfig()
	memory.URL, err = dbmodule.ParseURL("sqlite://")
	require.NoError(t, err)

	for name, options := range map[string]fx.Option{
		"database down": fx.Options(fx.Supply(cfg), fx.Invoke(func(*dbmodule.Database) {})),
		"later hook": fx.Options(fx.Supply(memory), fx.Invoke(func(lc fx.Lifecycle, _ *dbmodule.Database) {
			lc.Append(fx.Hook{OnStart: func(context.Context) error { return boom }})
		})),
	} {
		t.Run(name, func(t *testing.T) {
			app := fx.New(fx.NopLogger, fx.Supply(zap.NewNop()), dbmodule.Module, options)
			require.NoError(t, app.Err())
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err := app.Start(ctx)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "s3cret")
			goleak.VerifyNone(t, before)
		})
	}
}
