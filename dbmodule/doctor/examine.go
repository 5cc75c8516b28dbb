package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// Options are what [Examine] uses besides the configuration.
type Options struct {
	// Log is the logger of the database layer; nil for none.
	Log *zap.Logger
	// Models are the models whose tables are examined.
	Models []any
	// Migrator reports which revisions the database has; nil skips that check.
	Migrator dbmodule.Migrator
	// Now is the clock that the server's clock is compared with; time.Now if nil.
	Now func() time.Time
	// Idle is how long a server session may be idle in a transaction before
	// Examine reports it, in whole seconds; a minute if 0.
	Idle time.Duration
}

// check examines one thing and returns a finding about it.
type check struct {
	name string
	run  func(ctx context.Context, t *target) Finding
}

// target is the database that the checks examine, with its configuration.
type target struct {
	config dbmodule.Config
	opts   Options
	db     *dbmodule.Database
	// variables are the server's settings in this session, and global the settings of new sessions.
	// Only MySQL distinguishes the two.
	variables, global map[string]string
}

// Time limits: for one check, and for the connection.
const (
	checkLimit   = 15 * time.Second
	connectLimit = 15 * time.Second
)

// Examine runs all checks. If it can't connect, it runs only the checks that need no connection:
// the checks of the settings and, on SQLite, of the file. Each check takes at most 15 seconds; most
// take milliseconds.
func Examine(ctx context.Context, cfg dbmodule.Config, o Options) Report {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	r := Report{Engine: cfg.URL.Engine(), Database: cfg.URL.String()}
	t := &target{config: cfg, opts: o}
	r.run(ctx, t, settingsChecks)
	before, after := checksOf(cfg.URL.Engine())
	r.run(ctx, t, before)
	if t.absent() {
		r.add("connection", skipped("there is no database yet: the first start makes it"))
		return r
	}
	own := cfg
	own.PoolSize, own.MaxOverflow = 3, 0 // enough for the checks: the one for a pooler holds two
	db, err := dbmodule.Open(own, o.Log, dbmodule.WithModels(o.Models...))
	if err != nil {
		r.add("connection", wrong(err.Error(), "correct the setting that is named"))
		return r
	}
	t.db = db
	connected := t.connect(ctx)
	r.add("connection", connected)
	if connected.Level == OK {
		r.run(ctx, t, after)
		r.run(ctx, t, schemaChecks)
	}
	if err := db.Close(); err != nil {
		r.add("connection", warning(err.Error(), "see whether the database is being stopped"))
	}
	return r
}

// checksOf returns an engine's checks: those that run before connecting, and those that use the
// connection.
func checksOf(engine dbmodule.Engine) (before, after []check) {
	switch engine {
	case dbmodule.PostgreSQL:
		return nil, postgresChecks
	case dbmodule.MySQL:
		return nil, mysqlChecks
	default:
		return sqliteFileChecks, sqliteChecks
	}
}

func (r *Report) add(name string, f Finding) {
	f.Check = name
	r.Findings = append(r.Findings, f)
}

func (r *Report) run(ctx context.Context, t *target, checks []check) {
	for _, c := range checks {
		limited, cancel := context.WithTimeout(ctx, checkLimit)
		r.add(c.name, c.run(limited, t))
		cancel()
	}
}

// connect connects, and reads the server's settings. It tries only once, because the user waits for
// the report.
func (t *target) connect(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeoutCause(ctx, connectLimit, fmt.Errorf("no answer within %s", connectLimit))
	defer cancel()
	began := time.Now()
	if err := t.db.Ping(ctx); err != nil {
		return wrong(err.Error(), adviceOn(err))
	}
	took := time.Since(began)
	if err := t.readVariables(ctx); err != nil {
		return wrong("connected, but the server's settings can't be read: "+err.Error(), "see whether a proxy stands between")
	}
	return fine(fmt.Sprintf("connected in %s", took.Round(time.Millisecond)))
}

// adviceOn returns what to do about an error of connecting.
func adviceOn(err error) string {
	switch {
	case errors.Is(err, dbmodule.ErrNoDatabase):
		return `create the database: "db prepare" does`
	case errors.Is(err, dbmodule.ErrAccessDenied):
		return "check user, password and TLS settings in DATABASE_URL, DATABASE_PASSWORD_FILE or DATABASE_PASSWORD_COMMAND, and the server's rules for this host"
	case errors.Is(err, dbmodule.ErrCorrupt):
		return `the file is damaged or no database: stop the server and restore a backup with "db restore"`
	case errors.Is(err, dbmodule.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return "start the server, and check host, port, where the password comes from, and what firewalls stand between"
	}
	return "see the error"
}

// readVariables reads the server's settings, which many checks examine. SQLite has none.
func (t *target) readVariables(ctx context.Context) (err error) {
	switch t.db.Engine() {
	case dbmodule.PostgreSQL:
		t.variables, err = t.pairs(ctx, "SELECT name, setting FROM pg_settings")
	case dbmodule.MySQL:
		if t.variables, err = t.pairs(ctx, "SHOW SESSION VARIABLES"); err == nil {
			t.global, err = t.pairs(ctx, "SHOW GLOBAL VARIABLES")
		}
	}
	return err
}

// pairs runs a query that returns names and values. It leaves out names whose value is NULL.
func (t *target) pairs(ctx context.Context, query string) (all map[string]string, err error) {
	rows, err := t.db.DB().QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	all = map[string]string{}
	for rows.Next() {
		var name string
		var value *string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		if value != nil {
			all[name] = *value
		}
	}
	return all, rows.Err()
}

// scan runs a query and reads its one row.
func (t *target) scan(ctx context.Context, query string, into ...any) error {
	return t.db.DB().QueryRowContext(ctx, query).Scan(into...)
}
