package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/querylog"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/openhands-go/server/dbmodule/observe"
)

// Database is one database with its pools, sessions and models. It is safe
// for concurrent use. Whoever opened it closes it.
type Database struct {
	config   Config
	log      *zap.Logger
	pools    pools
	db       *bun.DB
	sessions *SessionFactory
	models   []any
	tables   TableManager
	migrator Migrator
	// gate keeps sessions out during a migration in the background.
	gate gate
	// cluster is nil for one server, replicas where there are none.
	cluster  *cluster.Cluster
	replicas *replicas
	// isUnwatched is set for a database without a cluster and replicas.
	isUnwatched bool
	observers   observe.Observers
	// shapes are the statements that connections prepare. revisions are those that the
	// version table had when it was read last: if they change, the schema has changed.
	shapes    *prepared.Shapes
	revisions atomic.Pointer[[]string]
	// live are the open connections.
	live *sqlconn.Live
	// closeConnected is what engine.Opened.Connected returned, nil before.
	closeConnected func() error
}

// Option configures [Open].
type Option func(*Database)

// WithModels names the models whose tables belong to this database, as nil
// pointers: (*Book)(nil). A model that is named twice counts once.
func WithModels(models ...any) Option {
	return func(d *Database) {
		for _, model := range models {
			same := func(other any) bool { return reflect.TypeOf(other) == reflect.TypeOf(model) }
			if !slices.ContainsFunc(d.models, same) {
				d.models = append(d.models, model)
			}
		}
	}
}

// WithTables supplies what creates and drops tables; autogen.NewTables makes it.
func WithTables(tables TableManager) Option { return func(d *Database) { d.tables = tables } }

// WithMigrator supplies what runs revisions; migrate.New makes it.
func WithMigrator(migrator Migrator) Option { return func(d *Database) { d.migrator = migrator } }

// Open makes a Database from its settings. It does no I/O: a wrong setting or
// model is an error here, an unreachable server one of [Database.Connect].
// log may be nil.
func Open(cfg Config, log *zap.Logger, opts ...Option) (*Database, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.withServices()
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = zap.NewNop()
	}
	d := &Database{config: cfg, log: log, shapes: prepared.NewShapes(), live: sqlconn.NewLive()}
	for _, opt := range opts {
		opt(d)
	}

	opened, err := openPools(cfg, d.shared(), nil)
	if err != nil {
		return nil, err
	}
	d.pools = opened
	d.db = bun.NewDB(opened.db, opened.opened.Dialect)
	if hook := newBunDebug(cfg, opened.opened, log); hook != nil {
		d.db = d.db.WithQueryHook(hook)
	}
	if err := registerModels(d.db, d.models); err != nil {
		return nil, errors.Join(err, d.Close())
	}

	opened.writer.setDB(d.db)
	opened.reader.setDB(d.db)
	if err := d.openCluster(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.sessions = &SessionFactory{
		engine: d.Engine(), dialect: opened.opened.Text, writer: opened.writer, reader: opened.reader, replicas: d.replicas,
		failover: cfg.URL.SeeksPrimary(), ids: new(atomic.Uint64),
	}
	return d, nil
}

func (d *Database) shared() shared {
	listeners := sqlconn.Listeners{ShowsValues: !d.config.EchoHideParameters, Observers: d.observers}
	listeners.Log = querylog.New(d.log, querylog.Settings{
		All: d.config.Echo == EchoOn || d.config.Echo == EchoDebug, Slow: d.config.SlowQuery, Fields: logFields,
	})
	if d.config.Echo == EchoDebug {
		listeners.Rows = querylog.Rows(d.log, d.config.EchoHideParameters)
	}
	return shared{
		listeners: listeners, shapes: d.shapes, live: d.live, gate: &d.gate,
		notice: func(text string) { d.log.Warn(text) },
	}
}

// registerModels registers the models in Bun. Bun must know the model of a join table before
// a model with an m2m relation, so these come last: fx gives the models in any order.
func registerModels(db *bun.DB, models []any) (err error) {
	var with, without []any
	for _, model := range models {
		t := reflect.TypeOf(model)
		if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
			return fmt.Errorf("dbmodule: model %T: want a pointer to a struct, for example (*Book)(nil)", model)
		}
		if hasM2M(t.Elem()) {
			with = append(with, model)
		} else {
			without = append(without, model)
		}
	}
	// Bun panics on a model that it can't map.
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("dbmodule: register models: %v", cause)
		}
	}()
	db.RegisterModel(append(without, with...)...)
	return nil
}

func hasM2M(t reflect.Type) bool {
	for i := range t.NumField() {
		field := t.Field(i)
		if strings.Contains(field.Tag.Get("bun"), "m2m:") {
			return true
		}
		if field.Anonymous && field.Type.Kind() == reflect.Struct && hasM2M(field.Type) {
			return true
		}
	}
	return false
}

// connectPauses are the waits between attempts to connect; the last repeats.
var connectPauses = [...]time.Duration{
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
}

// Connect waits until the database answers, and logs what it waits for. It
// returns early when ctx ends, and on errors that waiting can't fix, such as a
// wrong password or a missing database. The error says which database and why.
func (d *Database) Connect(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		err := d.connect(ctx)
		if err == nil {
			d.cluster.Start(ctx)
			return nil
		}
		where := fmt.Sprintf("dbmodule: connect to %s", d.config.URL)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", where, errors.Join(context.Cause(ctx), engine.WithoutContext(err)))
		}
		if !d.mendedByWaiting(err) {
			if d.pools.opened.Explain != nil {
				err = errors.Join(err, d.pools.opened.Explain(err))
			}
			return fmt.Errorf("%s: %w", where, err)
		}
		wait := connectPauses[min(attempt, len(connectPauses)-1)]
		d.log.Warn("waiting for the database", zap.Stringer("database", d.config.URL), zap.Error(err), zap.Duration("retry_in", wait))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s: %w", where, errors.Join(context.Cause(ctx), err))
		case <-timer.C:
		}
	}
}

func (d *Database) connect(ctx context.Context) error {
	if err := d.Ping(ctx); err != nil {
		return err
	}
	connected := d.pools.opened.Connected
	if connected == nil || d.closeConnected != nil {
		return nil
	}
	closeFunc, err := connected(ctx, d.pools.db)
	if err != nil {
		return err
	}
	if closeFunc == nil {
		closeFunc = func() error { return nil }
	}
	d.closeConnected = closeFunc
	return nil
}

// Ping asks the database for an answer, on the writer and on the readers.
func (d *Database) Ping(ctx context.Context) error {
	if err := d.pools.writer.ping(ctx); err != nil {
		return err
	}
	if d.pools.reader == d.pools.writer {
		return nil
	}
	return d.pools.reader.ping(ctx)
}

// DB returns the Bun database on the primary. On SQLite it uses the one
// writer connection, so a transaction or rows left open on it make every
// writer wait. It waits for a connection until the context ends: only sessions
// use pool_timeout. Most code should use sessions. The Database closes the
// returned value.
//
// Its connections come from the Database's pool and go back to it after each statement
// or transaction, so that its own Stats say little: use [Database.Stats] or
// [Database.PoolStats].
//
// A hook that AddQueryHook adds to it, before there are sessions, sees the statements of
// sessions too, those of SQLite's readers included; one of WithQueryHook belongs to the
// bun.DB that this returns, which no session uses. See also [WithObserver].
//
// Prepare on it makes a statement that is prepared again for each run, because another
// caller may have the earlier connection by then: three round trips to
// PostgreSQL, two to MySQL. Prepare on a transaction, or on a connection that Conn
// returns, keeps it prepared for as long as those last. Sessions need no Prepare: they
// keep the statements of Bun's builders prepared by themselves (see
// DATABASE_STATEMENT_CACHE_SIZE), and drop them when the schema changes.
func (d *Database) DB() *bun.DB { return d.db }

// Sessions returns the factory of sessions on this database.
func (d *Database) Sessions() *SessionFactory { return d.sessions }

// Engine names the engine.
func (d *Database) Engine() Engine { return d.config.URL.Engine() }

// LockTimeout returns the setting of that name.
func (d *Database) LockTimeout() time.Duration { return d.config.LockTimeout }

// URL returns the database's URL; it prints without its password.
func (d *Database) URL() URL { return d.config.URL }

// Models returns the models whose tables belong to this database.
func (d *Database) Models() []any { return append([]any(nil), d.models...) }

// Stats describes the pools at this moment.
func (d *Database) Stats() PoolStats {
	stats := PoolStats{}.plus(d.pools.writer)
	if d.pools.reader != d.pools.writer {
		stats = stats.plus(d.pools.reader)
	}
	return stats
}

// PoolStats describes each pool at this moment, as database/sql does. A database
// without readers of its own and without replicas has the writer alone.
func (d *Database) PoolStats() map[Pool]sql.DBStats {
	stats := map[Pool]sql.DBStats{PoolWriter: d.pools.writer.Stats()}
	if d.pools.reader != d.pools.writer {
		stats[PoolReader] = d.pools.reader.Stats()
	}
	if d.replicas != nil {
		for _, p := range d.replicas.pools {
			stats[p.writer.name] = p.writer.Stats()
		}
	}
	return stats
}

// errNoTables says how to get a TableManager.
var errNoTables = errors.New("no table manager: add autogen.Module to the application, or set DATABASE_SCHEMA=none")

// mendedByWaiting tells whether an attempt to connect can succeed later. SQLite
// has no server to wait for, but another process can have the file locked, for
// example while it turns a new file into one with a write-ahead log.
func (d *Database) mendedByWaiting(err error) bool {
	if d.pools.opened.OpenReader != nil {
		return errors.Is(err, ErrConflict)
	}
	return isUnavailable(err)
}

func isUnavailable(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, driver.ErrBadConn)
}

// Dedicated opens a separate pool to the same database, of at most n connections.
// It is for work that must not take connections from requests nor obey
// their limits, such as migrations. The pool is connected when Dedicated returns;
// the caller calls closeFunc when done.
//
// On SQLite it returns d itself, and a closeFunc that does nothing: there the one
// writer connection keeps writers apart, and a database in
// memory can't be opened a second time.
func (d *Database) Dedicated(ctx context.Context, n int) (dedicated *Database, closeFunc func() error, err error) {
	if d.pools.opened.OpenReader != nil {
		return d, func() error { return nil }, nil
	}
	cfg := d.config
	cfg.PoolSize, cfg.MaxOverflow = max(n, 1), 0
	cfg.PoolRecycle, cfg.StatementTimeout = 0, 0
	cfg.ReplicaURLs = nil
	dedicated, err = Open(cfg, d.log, unwatched(), WithObserver(d.observers...))
	if err != nil {
		return nil, nil, err
	}
	if err := dedicated.Connect(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("dbmodule: open dedicated connections: %w", err), dedicated.Close())
	}
	return dedicated, dedicated.Close, nil
}

// Close closes the database. From then on sessions, factories, and Bun's methods get
// [ErrDatabaseClosed] instead of a connection. Callers that hold a connection may
// continue and commit: Close waits for them, at most for DATABASE_CLOSE_TIMEOUT. Then it
// ends the work in progress: it cancels statements and rolls back transactions, and
// later uses return ErrDatabaseClosed, too. Close logs how many connections it ended.
// It may be called more than once.
func (d *Database) Close() error { return d.close(context.Background()) } //nolint:forbidigo // it has a time limit of its own

// close is Close for a caller who waits no longer than ctx lasts.
func (d *Database) close(ctx context.Context) error {
	errs := []error{d.cluster.Close(), d.replicas.close(), d.pools.close()}
	if severed := d.live.End(ctx, d.config.CloseTimeout); severed > 0 {
		d.log.Warn("close: work in progress is ended: its transactions are rolled back",
			zap.Int("connections", severed), zap.Duration("waited", d.config.CloseTimeout))
	}
	d.pools.connector.Groups.End()
	d.replicas.wait()
	d.pools.wait()
	if d.closeConnected != nil {
		errs = append(errs, d.closeConnected())
		d.closeConnected = func() error { return nil }
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("dbmodule: close: %w", err)
	}
	return nil
}
