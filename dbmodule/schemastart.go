package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"
)

// schemaStart does at the application's start what DATABASE_SCHEMA says.
type schemaStart struct {
	d          *Database
	shutdowner fx.Shutdowner
	log        *zap.Logger

	// cancel ends a migration in the background; finished is closed once it,
	// and what is done about its end, are over. Both are nil without one.
	cancel   context.CancelCauseFunc
	finished chan struct{}
}

var (
	errNoMigrator = errors.New("no revisions: add migrate.Module with a migrate.Source, or set DATABASE_SCHEMA=create")
	errStopping   = errors.New("the application is stopping")
)

// start is the hook for the configured mode, nil for none.
func (s *schemaStart) start() func(context.Context) error {
	switch s.d.config.Schema {
	case SchemaMigrate:
		return s.migrate
	case SchemaCheck:
		return s.check
	case SchemaCreate:
		return s.create
	}
	return nil
}

func (s *schemaStart) create(ctx context.Context) error {
	created, err := s.d.createTables(ctx)
	if err != nil || s.d.migrator == nil || len(created) == 0 || len(created) < len(s.d.models) {
		return err
	}
	// A database that was empty now is what all revisions lead to.
	state, err := s.d.SchemaState(ctx)
	if err != nil || len(state.Revisions.Current) > 0 {
		return err
	}
	return s.d.migrator.StampHeads(ctx, s.d)
}

func (s *schemaStart) check(ctx context.Context) error {
	state, err := s.d.SchemaState(ctx)
	if err != nil {
		return err
	}
	hindering, strange := state.Problems()
	if !state.Ready {
		return fmt.Errorf("dbmodule: DATABASE_SCHEMA=check: %s: run the command db upgrade, or set DATABASE_SCHEMA=migrate", strings.Join(hindering, "; "))
	}
	s.warn(strange)
	return s.d.needsSchema(ctx)
}

func (s *schemaStart) warn(strange []string) {
	for _, sentence := range strange {
		s.log.Warn(sentence)
	}
}

// migrate upgrades the database. It waits for that as long as the start may
// take; what takes longer goes on in the background, since a start that is cut
// off would begin the same work again and again.
func (s *schemaStart) migrate(ctx context.Context) error {
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	result := make(chan error, 1)
	go func() { result <- s.d.migrator.UpgradeHeads(running, s.d) }()
	patience := startPatience(ctx)
	select {
	case err := <-result:
		cancel(nil)
		return s.migrated(ctx, err)
	case <-ctx.Done():
		cancel(context.Cause(ctx))
		return <-result
	case <-patience:
	}
	s.d.gate.close("the schema is being migrated")
	s.log.Warn("the migration takes longer than the start may: it goes on, and until it is done the database is unavailable to requests")
	s.cancel, s.finished = cancel, make(chan struct{})
	go func() {
		defer close(s.finished)
		defer cancel(nil)
		s.await(running, result)
	}()
	return nil
}

// await ends the application if the migration in the background fails.
func (s *schemaStart) await(ctx context.Context, result <-chan error) {
	err := s.migrated(ctx, <-result)
	if err == nil {
		s.d.gate.open()
		s.log.Info("the migration is done")
		return
	}
	if errors.Is(context.Cause(ctx), errStopping) {
		s.log.Warn("the migration was stopped", zap.Error(err))
		return
	}
	s.d.gate.close("the migration failed")
	s.log.Error("the migration failed", zap.Error(err))
	if s.shutdowner == nil {
		return
	}
	if err := s.shutdowner.Shutdown(fx.ExitCode(1)); err != nil {
		s.log.Error("can't stop the application", zap.Error(err))
	}
}

// migrated tells what is strange about a database that was upgraded.
func (s *schemaStart) migrated(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	state, err := s.d.SchemaState(ctx)
	if err != nil {
		return err
	}
	_, strange := state.Problems()
	s.warn(strange)
	return s.d.needsSchema(ctx)
}

// startPatience fires when most of the time that the start has is over; never
// if it has all the time.
func startPatience(ctx context.Context) <-chan time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil
	}
	left := time.Until(deadline)
	return time.After(left - left/5)
}

// stop ends a migration that still goes on and waits until it has been undone
// or has recorded where it is.
func (s *schemaStart) stop(ctx context.Context) error {
	if s.finished == nil {
		return nil
	}
	s.cancel(errStopping)
	select {
	case <-s.finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("dbmodule: stop the migration: %w", context.Cause(ctx))
	}
}
