package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
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

// SchemaState says whether the database's schema is what the program needs.
type SchemaState struct {
	Ready bool `json:"ready"`
	// Missing names the models' tables that do not exist.
	Missing []string `json:"missing,omitempty"`
	// Revisions is nil without a [Migrator].
	Revisions *RevisionState `json:"revisions,omitempty"`
}

// Problems lists what keeps the schema from being ready, and what is unusual
// but does not, each as half a sentence.
func (s SchemaState) Problems() (hindering, strange []string) {
	list := func(what string, names []string) string { return what + strings.Join(names, ", ") }
	if len(s.Missing) > 0 {
		hindering = append(hindering, list("tables are missing: ", s.Missing))
	}
	r := s.Revisions
	if r == nil {
		return hindering, nil
	}
	if r.Migrating {
		hindering = append(hindering, "revisions are being applied")
	}
	for _, kind := range []struct {
		what  string
		names []string
		fatal bool
	}{
		{"the schema is behind: revisions are pending: ", r.Pending, true},
		{"revisions are not complete: ", r.Dirty, true},
		{"the database is at revisions that this program does not know: ", r.Unknown, true},
		{"the version table has rows that come before another of its rows: ", r.Overlapping, false},
		{"revisions were changed after they had been applied: ", r.Drifted, false},
		{"the database is ahead: a newer build applied ", r.Ahead, false},
		{"a newer build has begun revisions and not completed them: ", r.AheadDirty, false},
	} {
		switch {
		case len(kind.names) == 0:
		case kind.fatal:
			hindering = append(hindering, list(kind.what, kind.names))
		default:
			strange = append(strange, list(kind.what, kind.names))
		}
	}
	return hindering, strange
}

// SchemaState checks the models' tables and, with a [Migrator], the
// revisions. Without a [TableManager] it can't check tables. Unless the
// mode is migrate or check, a database without any recorded revision is
// ready, too.
func (d *Database) SchemaState(ctx context.Context) (SchemaState, error) {
	ctx = Unobserved(ctx)
	s := d.sessions.New(ReadOnly(), func(o *sessionOptions) { o.ungated = true })
	state, err := d.schemaState(ctx, s)
	if err = errors.Join(err, s.Close()); err != nil {
		return SchemaState{}, fmt.Errorf("dbmodule: read schema: %w", err)
	}
	return state, nil
}

func (d *Database) schemaState(ctx context.Context, s *Session) (state SchemaState, err error) {
	if d.tables != nil && len(d.models) > 0 {
		if state.Missing, err = d.tables.Missing(ctx, s, d.models); err != nil {
			return state, err
		}
	}
	state.Ready = len(state.Missing) == 0
	if d.migrator == nil {
		return state, nil
	}
	revisions, err := d.migrator.State(ctx, s)
	if err != nil {
		return state, err
	}
	state.Revisions = &revisions
	d.noteRevisions(revisions.Current)
	if d.config.Schema.needsMigrator() || len(revisions.Current) > 0 {
		state.Ready = state.Ready && revisions.Ready()
	}
	return state, nil
}

// noteRevisions has statements prepared again when the schema is at other revisions
// than it was: somebody else has applied some.
func (d *Database) noteRevisions(current []string) {
	current = slices.Clone(current)
	if before := d.revisions.Swap(&current); before == nil || !slices.Equal(*before, current) {
		d.shapes.SchemaChanged()
	}
}

// Migrator brings a database from revision to revision; migrate.New makes one.
// The interface is here so that this package doesn't link the code that reads
// and runs revisions. Implementations are safe for concurrent use.
type Migrator interface {
	// UpgradeHeads runs the revisions that the database lacks. It does not
	// change a database that is ahead of them.
	UpgradeHeads(ctx context.Context, d *Database) error
	// StampHeads records all revisions as applied without running them.
	StampHeads(ctx context.Context, d *Database) error
	// State says which revisions the database has. It only reads.
	State(ctx context.Context, db bun.IDB) (RevisionState, error)
}

// RevisionState is where a database stands among the revisions of a program.
// Lists are sorted, or in the order in which revisions apply.
type RevisionState struct {
	// Current are the rows of the version table.
	Current []string `json:"current"`
	// Heads are the newest revisions of this program.
	Heads []string `json:"heads"`
	// Pending are this program's revisions that the database lacks.
	Pending []string `json:"pending,omitempty"`
	// Dirty are this program's revisions that have started and are not complete.
	Dirty []string `json:"dirty,omitempty"`
	// Drifted are applied revisions whose SQL has changed since.
	Drifted []string `json:"drifted,omitempty"`
	// Ahead are applied revisions that only the database's history knows: a
	// newer build ran them.
	Ahead []string `json:"ahead,omitempty"`
	// AheadDirty are revisions of a newer build that have started and are not
	// complete: it is running them, or it stopped in the middle.
	AheadDirty []string `json:"ahead_dirty,omitempty"`
	// Unknown are rows of the version table that neither this program nor the
	// database's history knows.
	Unknown []string `json:"unknown,omitempty"`
	// Overlapping are rows of the version table that come before another of its rows: nothing
	// can be upgraded or downgraded until they are gone.
	Overlapping []string `json:"overlapping,omitempty"`
	// Migrating says that this process is applying revisions at the moment.
	Migrating bool `json:"migrating,omitempty"`
}

// Behind reports whether revisions are missing.
func (s RevisionState) Behind() bool { return len(s.Pending) > 0 }

// Ready reports whether this program can work on the database: nothing is
// missing, half done or unknown. Revisions of a newer build don't matter,
// nor does a revision that was edited after it ran.
func (s RevisionState) Ready() bool {
	return !s.Migrating && !s.Behind() && len(s.Dirty) == 0 && len(s.Unknown) == 0
}

// gate keeps sessions out while the schema is not what the program expects.
type gate struct{ reason atomic.Pointer[string] }

func (g *gate) close(reason string) { g.reason.Store(&reason) }
func (g *gate) open()               { g.reason.Store(nil) }

// pass returns nil, or ErrUnavailable with the reason.
func (g *gate) pass() error {
	if reason := g.reason.Load(); reason != nil {
		return fmt.Errorf("dbmodule: connect: %w: %s", ErrUnavailable, *reason)
	}
	return nil
}

// CreateTables creates the models' tables that do not exist, with
// indexes and constraints, and changes nothing else.
func (d *Database) CreateTables(ctx context.Context) error {
	_, err := d.createTables(ctx)
	return err
}

func (d *Database) createTables(ctx context.Context) ([]string, error) {
	return d.changeTables(ctx, "create tables", func(ctx context.Context, conn bun.Conn) ([]string, error) {
		return d.tables.Create(ctx, conn, d.models)
	})
}

// DropTables drops the models' tables with everything in them, and nothing
// else.
func (d *Database) DropTables(ctx context.Context) error {
	_, err := d.changeTables(ctx, "drop tables", func(ctx context.Context, conn bun.Conn) ([]string, error) {
		return d.tables.Drop(ctx, conn, d.models)
	})
	return err
}

func (d *Database) changeTables(ctx context.Context, what string, change func(context.Context, bun.Conn) ([]string, error)) ([]string, error) {
	if len(d.models) == 0 {
		return nil, nil
	}
	if d.tables == nil {
		return nil, fmt.Errorf("dbmodule: %s: %w", what, errNoTables)
	}
	ctx = WithStatementTimeout(ctx, 0) // another process may be at it, and tables may be large
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("dbmodule: %s: %w", what, err)
	}
	changed, err := change(ctx, conn)
	// database/sql closes a connection by itself when its context ended.
	if closeErr := conn.Close(); !errors.Is(closeErr, sql.ErrConnDone) {
		err = errors.Join(err, closeErr)
	}
	if err != nil {
		return nil, fmt.Errorf("dbmodule: %s: %w", what, err)
	}
	if len(changed) == 0 {
		return changed, nil
	}
	d.log.Info(what, zap.Strings("tables", changed))
	return changed, d.needsSchema(ctx)
}
