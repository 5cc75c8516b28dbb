package migrate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/fx"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// application is an fx application with models and revisions of their own.
type application struct {
	*fx.App
	db  *dbmodule.Database
	log *observer.ObservedLogs
}

func newApplication(cfg dbmodule.Config, sources []migrate.Source, opts ...fx.Option) *application {
	core, log := observer.New(zap.InfoLevel)
	a := &application{log: log}
	for _, s := range sources {
		opts = append(opts, migrate.Revisions(s))
	}
	a.App = fx.New(append(opts, fx.NopLogger, dbmodule.Module, autogen.Module, migrate.Module,
		dbmodule.Models((*author)(nil)), fx.Supply(cfg, zap.New(core), migrate.Build("books 1")), fx.Populate(&a.db))...)
	return a
}

func (a *application) start(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := a.Start(ctx)
	if err == nil {
		t.Cleanup(func() { a.stop(t) })
	}
	return err
}

func (a *application) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func (a *application) state(t *testing.T) dbmodule.SchemaState {
	t.Helper()
	s, err := a.db.SchemaState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaModes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		one, all := source(bookshop()[0]), source(bookshop()...)
		with := func(mode dbmodule.SchemaMode) dbmodule.Config { cfg := cfg; cfg.Schema = mode; return cfg }

		// check refuses an empty database, and says what to do.
		err := newApplication(with(dbmodule.SchemaCheck), []migrate.Source{one}).start(t)
		if err == nil || !strings.Contains(err.Error(), "revisions are pending: a1") || !strings.Contains(err.Error(), "db upgrade") {
			t.Fatalf("check: %v", err)
		}
		// none leaves it, and is not ready.
		a := newApplication(with(dbmodule.SchemaNone), []migrate.Source{one})
		if err := a.start(t); err != nil || a.state(t).Ready {
			t.Fatalf("none: %v, %+v", err, a.state(t))
		}
		// migrate upgrades it.
		a = newApplication(with(dbmodule.SchemaMigrate), []migrate.Source{one})
		if err := a.start(t); err != nil {
			t.Fatalf("migrate: %v", err)
		}
		if s := a.state(t); !s.Ready || !slices.Equal(s.Revisions.Current, []string{"a1"}) {
			t.Errorf("migrate: %+v", s.Revisions)
		}
		if a.log.FilterMessage("running upgrade").Len() != 1 {
			t.Errorf("%v", a.log.All())
		}
		// Now check is content, and so is an older build with a newer database.
		if err := newApplication(with(dbmodule.SchemaCheck), []migrate.Source{one}).start(t); err != nil {
			t.Errorf("check: %v", err)
		}
		if err := newApplication(with(dbmodule.SchemaMigrate), []migrate.Source{all}).start(t); err != nil {
			t.Errorf("newer: %v", err)
		}
		for _, mode := range []dbmodule.SchemaMode{dbmodule.SchemaCheck, dbmodule.SchemaMigrate} {
			a = newApplication(with(mode), []migrate.Source{one})
			if err := a.start(t); err != nil || !slices.Equal(a.state(t).Revisions.Ahead, []string{"b2", "c3"}) {
				t.Errorf("older, %s: %v", mode, err)
			}
			if a.log.FilterMessageSnippet("the database is ahead").Len() != 1 {
				t.Errorf("%s: %v", mode, a.log.All())
			}
		}
		history, err := newMigrator(t, all).History(t.Context(), a.db.DB())
		if err != nil || len(history) != 3 || history[0].Build != "books 1" {
			t.Errorf("%+v, %v", history, err)
		}
	})
}

// A database that create made from nothing is at the newest revision.
func TestCreateStamps(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.Schema = dbmodule.SchemaCreate
		for range 2 {
			a := newApplication(cfg, []migrate.Source{source(bookshop()...)})
			if err := a.start(t); err != nil {
				t.Fatal(err)
			}
			if s := a.state(t); !s.Ready || !slices.Equal(s.Revisions.Current, []string{"c3"}) || len(s.Revisions.Pending) > 0 {
				t.Errorf("%+v", s.Revisions)
			}
		}
	})
}

func TestModeNeedsRevisions(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	cfg.Schema = dbmodule.SchemaMigrate
	err := fx.New(fx.NopLogger, dbmodule.Module, fx.Supply(cfg, zap.NewNop()), fx.Invoke(func(*dbmodule.Database) {})).Err()
	if err == nil || !strings.Contains(err.Error(), "DATABASE_SCHEMA=migrate: no revisions: add migrate.Module") {
		t.Error(err)
	}
}

// slow is a source whose last revision waits until it may go on, or is told to
// stop, and then fails with err.
func slow(begun chan<- struct{}, goOn <-chan struct{}, err error) migrate.Source {
	folders := append(bookshop()[:1], folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{dbmodule.SQLite: "SELECT 1;"}})
	s := source(folders...)
	delete(s.FS.(fstest.MapFS), "b2/sqlite.sql")
	s.Code = []migrate.Code{{Revision: "b2", Upgrade: func(ctx context.Context, _ bun.IDB) error {
		close(begun)
		select {
		case <-goOn:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}}
	return s
}

// A migration longer than the start may take is not cut: it goes on, and until
// it is done the database is unavailable to requests.
func TestLongMigration(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"succeeds": nil, "fails": errors.New("no such luck")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
				cfg.Schema = dbmodule.SchemaMigrate
				begun, goOn := make(chan struct{}), make(chan struct{})
				a := newApplication(cfg, []migrate.Source{slow(begun, goOn, failure)})
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				started := make(chan error, 1)
				go func() { started <- a.Start(ctx) }()
				<-begun
				if err := <-started; err != nil {
					t.Fatal(err)
				}
				defer a.stop(t)
				if s := a.state(t); s.Ready || !s.Revisions.Migrating {
					t.Errorf("%+v", s.Revisions)
				}
				session := a.db.Sessions().New()
				var n int
				if err := session.NewRaw("SELECT 1").Scan(t.Context(), &n); !errors.Is(err, dbmodule.ErrUnavailable) {
					t.Errorf("a session during the migration: %v", err)
				}
				close(goOn)
				if failure != nil {
					if end := <-a.Wait(); end.ExitCode != 1 {
						t.Errorf("exit code %d", end.ExitCode)
					}
					return
				}
				deadline := time.Now().Add(time.Minute)
				for !a.state(t).Ready && time.Now().Before(deadline) {
					time.Sleep(10 * time.Millisecond)
				}
				for a.log.FilterMessage("the migration is done").Len() == 0 && time.Now().Before(deadline) {
					time.Sleep(10 * time.Millisecond)
				}
				if err := errors.Join(session.NewRaw("SELECT 1").Scan(t.Context(), &n), session.Close()); err != nil || n != 1 {
					t.Errorf("a session after the migration: %d, %v", n, err)
				}
			})
		})
	}
}

// Stopping ends a migration in the background, which then leaves nothing.
func TestStopDuringMigration(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.Schema = dbmodule.SchemaMigrate
		begun := make(chan struct{})
		a := newApplication(cfg, []migrate.Source{slow(begun, nil, nil)})
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		if err := a.Start(ctx); err != nil {
			t.Fatal(err)
		}
		a.stop(t)
		m := newMigrator(t, source(bookshop()[0]))
		if got := current(t, m, dbtest.Open(t, cfg)); got != "a1" {
			t.Errorf("at %q", got)
		}
	})
}

// A start that is told to end takes its migration along.
func TestStartCancelled(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.PostgreSQL)
	cfg.Schema = dbmodule.SchemaMigrate
	begun := make(chan struct{})
	a := newApplication(cfg, []migrate.Source{slow(begun, nil, nil)})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	if err := a.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
