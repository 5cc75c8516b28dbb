package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// Migrator runs revisions on databases. It is safe for concurrent use.
type Migrator struct {
	graph    *graph.Graph
	contents contents
	table    VersionTable
	build    string
	progress ProgressFunc
	// running counts the runs in this process.
	running *atomic.Int32
	// alwaysLease says that the run takes a lease on a single MySQL server too. Tests set it.
	alwaysLease bool
	leaseTerm   time.Duration
}

var _ dbmodule.Migrator = (*Migrator)(nil)

// Option configures [New].
type Option func(*Migrator)

// WithBuild names the program and its version in the history.
func WithBuild(build string) Option { return func(m *Migrator) { m.build = build } }

// WithProgress calls fn with the progress of each run.
func WithProgress(fn ProgressFunc) Option { return func(m *Migrator) { m.progress = fn } }

// New reads the revisions of all sources. The error joins all problems that it
// finds in them.
func New(sources []Source, opts ...Option) (*Migrator, error) {
	table, err := versionTable(sources)
	if err != nil {
		return nil, err
	}
	revisions, contents, err := load(sources)
	if err != nil {
		return nil, err
	}
	g, err := graph.New(revisions)
	if err != nil {
		return nil, err
	}
	m := &Migrator{graph: g, contents: contents, table: table, running: new(atomic.Int32), leaseTerm: leaseTerm}
	for _, opt := range opts {
		opt(m)
	}
	return m, nil
}

// With returns a copy of the Migrator with other options.
func (m *Migrator) With(opts ...Option) *Migrator {
	other := *m
	for _, opt := range opts {
		opt(&other)
	}
	return &other
}

func (m *Migrator) report(p Progress) {
	if m.progress != nil {
		m.progress(p)
	}
}

// VersionTable returns the names of the Migrator's tables, with the defaults filled
// in except for the schema.
func (m *Migrator) VersionTable() VersionTable {
	return VersionTable{Name: m.table.name(), Schema: m.table.Schema, History: m.table.history()}
}

// Graph returns the revisions of this program.
func (m *Migrator) Graph() *graph.Graph { return m.graph }

// Upgrade runs the revisions that lead to the targets, in Alembic's grammar
// ("head", "heads", "ae10", "+2", "label@head"), and returns the steps that
// this call ran. If another process runs some of them meanwhile, Upgrade waits for
// it and does not return its steps. After an error, the steps returned with it are
// done.
//
// When ctx ends, the run ends. The revision in progress is rolled back; on MySQL its
// completed statements stay, and the next run resumes after them.
func (m *Migrator) Upgrade(ctx context.Context, db *dbmodule.Database, targets ...string) ([]Step, error) {
	return m.migrate(ctx, db, upgradePlan(targets))
}

// Downgrade downgrades all revisions above the target ("base", "ae10", "-1",
// "label@base"), and returns the steps that it ran. For revisions of a newer build,
// which only the database's history knows, it runs the SQL in that history. It
// leaves revisions of another program that shares the version table, unless the
// target names one.
func (m *Migrator) Downgrade(ctx context.Context, db *dbmodule.Database, target string) ([]Step, error) {
	return m.migrate(ctx, db, downgradePlan(target))
}

// PlanUpgrade returns the steps that Upgrade would run now. It only reads.
func (m *Migrator) PlanUpgrade(ctx context.Context, db bun.IDB, targets ...string) ([]Step, error) {
	return m.plan(ctx, db, upgradePlan(targets))
}

// PlanDowngrade returns the steps that Downgrade would run now. It only reads.
func (m *Migrator) PlanDowngrade(ctx context.Context, db bun.IDB, target string) ([]Step, error) {
	return m.plan(ctx, db, downgradePlan(target))
}

// plan is an upgrade or downgrade to certain targets.
type plan struct {
	// find returns the steps from these rows of the version table to the targets.
	find      func(g *graph.Graph, rows []string) ([]Step, error)
	direction graph.Direction
}

func upgradePlan(targets []string) plan {
	return plan{func(g *graph.Graph, rows []string) ([]Step, error) { return g.UpgradePlan(targets, rows) }, graph.Upgrade}
}

func downgradePlan(target string) plan {
	return plan{func(g *graph.Graph, rows []string) ([]Step, error) { return g.DowngradePlan(target, rows) }, graph.Downgrade}
}

func (m *Migrator) plan(ctx context.Context, db bun.IDB, p plan) ([]Step, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, err
	}
	return s.plan(p)
}

// plan returns the steps of p. If an earlier run began a step that is not complete, and these
// steps do not complete it, the error is a DirtyError. An upgrade that has nothing to run
// ignores an incomplete step of a newer build: that build completes it.
func (s *dbState) plan(p plan) ([]Step, error) {
	if err := s.checkKnown(); err != nil {
		return nil, err
	}
	steps, err := s.steps(p)
	if err != nil {
		return nil, err
	}
	var left []*Entry
	for _, entry := range s.running() {
		if p.direction == graph.Upgrade && len(steps) == 0 && s.isForeign(entry.Revision) {
			continue
		}
		if !slices.ContainsFunc(steps, func(step Step) bool {
			return step.Revision.ID == entry.Revision && step.Direction == entry.Direction
		}) {
			left = append(left, entry)
		}
	}
	if len(left) > 0 {
		return nil, &DirtyError{Entries: left}
	}
	return steps, nil
}

// migrate runs the steps of a plan, and returns those that it ran.
func (m *Migrator) migrate(ctx context.Context, db *dbmodule.Database, p plan) (done []Step, err error) {
	// At most starts everything is applied, and no lock is needed. A DirtyError is checked again
	// with the lock, because another process may be running the step now.
	var dirty *DirtyError
	if steps, err := m.plan(ctx, db.DB(), p); !errors.As(err, &dirty) && (err != nil || len(steps) == 0) {
		return nil, err
	}
	m.running.Add(1)
	defer m.running.Add(-1)
	err = m.exclusively(ctx, db, func(ctx context.Context, r *run) error {
		steps, err := r.state.plan(p)
		if err != nil {
			return err
		}
		done, err = r.steps(ctx, steps)
		return err
	})
	return done, err
}

// Stamp records the targets as the database's revisions without running anything,
// and returns the steps that it recorded. It marks incomplete steps of earlier runs as
// given up. With purge it first deletes all rows of the version table.
func (m *Migrator) Stamp(ctx context.Context, db *dbmodule.Database, purge bool, targets ...string) (steps []Step, err error) {
	err = m.exclusively(ctx, db, func(ctx context.Context, r *run) error {
		steps, err = r.stamp(ctx, purge, targets)
		return err
	})
	return steps, err
}

// EnsureVersion creates the version table and the history if they do not exist.
func (m *Migrator) EnsureVersion(ctx context.Context, db *dbmodule.Database) error {
	return m.exclusively(ctx, db, func(context.Context, *run) error { return nil })
}

// Current returns the rows of the version table, sorted; none if the table does not
// exist. It only reads.
func (m *Migrator) Current(ctx context.Context, db bun.IDB) ([]string, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, err
	}
	return s.heads, nil
}

// DatabaseGraph returns the revisions of this program, and the applied revisions that
// only the database's history knows. It only reads.
func (m *Migrator) DatabaseGraph(ctx context.Context, db bun.IDB) (*graph.Graph, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, err
	}
	return s.graph, nil
}

// Standing returns the input for a plan: a graph of this program's revisions,
// including those of newer builds that the database's history knows, and the rows
// that the version table has for them. Other programs' revisions are not among them.
// It only reads.
func (m *Migrator) Standing(ctx context.Context, db bun.IDB) (*graph.Graph, []string, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	return s.own.graph, s.own.rows, nil
}

// History returns the entries of the database's history, oldest first; none if the
// history table does not exist. It only reads.
func (m *Migrator) History(ctx context.Context, db bun.IDB) ([]Entry, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, err
	}
	return s.entries, nil
}

// State returns which revisions are applied, pending, incomplete or changed since they
// were applied. It only reads.
func (m *Migrator) State(ctx context.Context, db bun.IDB) (dbmodule.RevisionState, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return dbmodule.RevisionState{}, err
	}
	state, err := s.state(m.graph, s.ledger.engine)
	state.Migrating = m.running.Load() > 0
	return state, err
}

// UpgradeHeads runs every revision that the database lacks. On a database that
// a newer build has upgraded it does nothing.
func (m *Migrator) UpgradeHeads(ctx context.Context, db *dbmodule.Database) error {
	_, err := m.Upgrade(ctx, db, "heads")
	return err
}

// StampHeads records all revisions as applied without running them.
func (m *Migrator) StampHeads(ctx context.Context, db *dbmodule.Database) error {
	_, err := m.Stamp(ctx, db, false, "heads")
	return err
}

// exclusively prepares a run and calls fn with it: it takes the engine's locks (see dialect),
// creates the version table and the history if they do not exist, and reads them.
func (m *Migrator) exclusively(ctx context.Context, db *dbmodule.Database, fn func(ctx context.Context, r *run) error) (err error) {
	ctx = dbmodule.WithStatementTimeout(ctx, 0) // a revision may run for hours
	dedicated, closeFunc, err := db.Dedicated(ctx, connections)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer func() { err = errors.Join(err, closeFunc()) }()
	r := &run{m: m, db: dedicated, engine: db.Engine()}
	r.dialect = dialectOf(r)
	if r.ledger, err = locate(ctx, dedicated.DB(), m.table); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	release, err := r.openRecordConn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	unlock, err := r.dialect.lock(ctx)
	if err != nil {
		return fmt.Errorf("migrate: wait for the lock on revisions: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	defer func() { err = errors.Join(err, r.disconnect(ctx)) }()
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := r.ensureTables(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	// On PostgreSQL and SQLite the transaction begins when no other process runs a revision.
	var readErr error
	if err := r.transaction(ctx, func(tx bun.Tx) error {
		if r.state, readErr = m.read(ctx, tx); readErr == nil {
			r.ledger = r.state.ledger
		}
		return readErr
	}); readErr != nil {
		return readErr
	} else if err != nil {
		return fmt.Errorf("migrate: look where the database stands: %w", err)
	}
	return fn(ctx, r)
}

// list joins names with commas, for errors; without names it returns "<base>".
func list(names []string) string {
	if len(names) == 0 {
		return "<base>"
	}
	return strings.Join(names, ", ")
}
