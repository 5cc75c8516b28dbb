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
	// alwaysLease takes the lock of a cluster on a single server too.
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
// When ctx ends, the run ends: a revision in progress is rolled back, or on MySQL
// stays half done and can be resumed.
func (m *Migrator) Upgrade(ctx context.Context, db *dbmodule.Database, targets ...string) ([]Step, error) {
	return m.migrate(ctx, db, upgradePlan(targets))
}

// Downgrade takes revisions back until the target ("base", "ae10", "-1",
// "label@base") is the newest, and returns the steps that it ran. Revisions of
// a newer build, which only the database's history knows, are taken back by the
// SQL in that history. Revisions of another program that shares the version table
// stay unless the target names them.
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

// plan finds the steps to run.
type plan struct {
	// find finds them from rows of the version table.
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

// plan finds the steps and refuses those that would leave something half done. If there is
// nothing to upgrade, a newer build's revision may be half done: that build completes it.
func (s *standing) plan(p plan) ([]Step, error) {
	if err := s.known(); err != nil {
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

// migrate runs the steps of a plan.
func (m *Migrator) migrate(ctx context.Context, db *dbmodule.Database, p plan) (done []Step, err error) {
	// Most starts find everything applied and need no lock. What looks half
	// done may be what another process is at.
	var dirty *DirtyError
	if steps, err := m.plan(ctx, db.DB(), p); !errors.As(err, &dirty) && (err != nil || len(steps) == 0) {
		return nil, err
	}
	m.running.Add(1)
	defer m.running.Add(-1)
	err = m.exclusively(ctx, db, func(ctx context.Context, r *run) error {
		steps, err := r.standing.plan(p)
		if err != nil {
			return err
		}
		done, err = r.steps(ctx, steps)
		return err
	})
	return done, err
}

// Stamp records the targets as the database's revisions, without running
// anything, and returns the steps that it recorded. Work that has started and is
// not complete counts as settled. With purge it first empties the version table,
// whatever is in it.
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

// Current returns the rows of the version table, sorted; none if there is no
// such table. It only reads.
func (m *Migrator) Current(ctx context.Context, db bun.IDB) ([]string, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, err
	}
	return s.heads, nil
}

// DatabaseGraph returns the revisions of this program and those that only the
// database's history knows. It only reads.
func (m *Migrator) DatabaseGraph(ctx context.Context, db bun.IDB) (*graph.Graph, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, err
	}
	return s.graph, nil
}

// Standing returns the input for a plan: the revisions of this program, with those
// of newer builds that the database's history knows, and which of them the version
// table has. Other programs' revisions are not among them. It only reads.
func (m *Migrator) Standing(ctx context.Context, db bun.IDB) (*graph.Graph, []string, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	return s.own.graph, s.own.rows, nil
}

// History returns what was run on the database, oldest first; nothing if there
// is no such table. It only reads.
func (m *Migrator) History(ctx context.Context, db bun.IDB) ([]Entry, error) {
	s, err := m.read(ctx, db)
	if err != nil {
		return nil, err
	}
	return s.entries, nil
}

// State says which of the revisions the database has. It only reads.
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

// exclusively runs fn while no other process migrates the database, with the
// two tables in place.
func (m *Migrator) exclusively(ctx context.Context, db *dbmodule.Database, fn func(ctx context.Context, r *run) error) (err error) {
	// A revision takes as long as it takes.
	ctx = dbmodule.WithStatementTimeout(ctx, 0)
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
	// In a transaction of its own: it begins when nobody else is at work.
	var readErr error
	if err := r.transaction(ctx, func(tx bun.Tx) error {
		if r.standing, readErr = m.read(ctx, tx); readErr == nil {
			r.ledger = r.standing.ledger
		}
		return readErr
	}); readErr != nil {
		return readErr
	} else if err != nil {
		return fmt.Errorf("migrate: look where the database stands: %w", err)
	}
	return fn(ctx, r)
}

// list joins names for people.
func list(names []string) string {
	if len(names) == 0 {
		return "<base>"
	}
	return strings.Join(names, ", ")
}
