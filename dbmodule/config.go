package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/credentials"
)

// Config has all settings for the connection to a database and for its
// log. The tags name the environment variables for a reader such
// as envconfig; this package reads no environment itself. The zero value is
// not usable: start from [DefaultConfig].
type Config struct {
	// URL says which database. SQLAlchemy's forms are accepted verbatim.
	URL URL `envconfig:"DATABASE_URL" default:"sqlite+aiosqlite:///./openhands.db" desc:"database to use, in SQLAlchemy's URL form"`

	// PasswordFile is the absolute path of a file with the password in one
	// line. Like the other two sources it is read for each new connection, so
	// that a new password needs no restart. A password in the URL is then an
	// error.
	PasswordFile string `envconfig:"DATABASE_PASSWORD_FILE" desc:"file with the password, read for each new connection"`
	// PasswordCommand is a program with arguments that prints the password. It
	// is split at spaces, run without a shell, and given 10 s.
	PasswordCommand string `envconfig:"DATABASE_PASSWORD_COMMAND" desc:"program and arguments that print the password, run for each new connection without a shell"`
	// Password is a function that takes the place of these two; nil for none.
	Password PasswordFunc `ignored:"true" json:"-"`
	// ReplicaURLs names replicas of URL's server, for read-only sessions:
	// one URL for each replica, each with one host.
	ReplicaURLs URLs `envconfig:"DATABASE_REPLICA_URLS" desc:"replicas that read-only sessions use, separated by commas"`
	// ReplicaMaxLag is how far a replica may be behind while sessions read
	// from it; 0 sets no limit.
	ReplicaMaxLag time.Duration `envconfig:"DATABASE_REPLICA_MAX_LAG" default:"10s" desc:"do not read from a replica that is further behind than this (0 = no limit)"`
	// CheckInterval is how often replicas are checked, and the primary when URL
	// names several hosts.
	CheckInterval time.Duration `envconfig:"DATABASE_CHECK_INTERVAL" default:"500ms" desc:"how often to check the replicas, the primary if the URL names several hosts, and whether SQLite's file and its write-ahead log still exist"`

	// Echo logs statements.
	Echo EchoMode `envconfig:"DATABASE_ECHO" default:"false" takes:"false, true or debug" desc:"log every statement (true), and its result rows too (debug)"`
	// EchoHideParameters keeps row values out of the log.
	EchoHideParameters bool `envconfig:"DATABASE_ECHO_HIDE_PARAMETERS" default:"false" desc:"log statements without their values"`
	// SlowQuery is the duration from which a statement is logged even when
	// Echo is off; 0 turns that off.
	SlowQuery time.Duration `envconfig:"DATABASE_SLOW_QUERY" default:"500ms" desc:"log statements slower than this, values included unless hidden, even when echo is off (0 = never)"`
	// BunDebug is the value of Bun's own BUNDEBUG: empty or 0 is off, 1 logs
	// failing statements, 2 all of them.
	BunDebug string `envconfig:"BUNDEBUG" desc:"Bun's own debug log: 1 logs failing statements, 2 logs all statements"`

	// PoolSize is how many connections are kept open; 0 keeps all.
	PoolSize int `envconfig:"DATABASE_POOL_SIZE" default:"5" desc:"connections kept in the pool (0 = no limit)"`
	// MaxOverflow is how many more may be open while in use; -1 sets no limit.
	MaxOverflow int `envconfig:"DATABASE_MAX_OVERFLOW" default:"10" desc:"connections allowed beyond the pool size while in use (-1 = no limit)"`
	// PoolTimeout is how long a session waits for a connection before
	// [ErrPoolTimeout]. The default is shorter than SQLAlchemy's 30s, so that
	// a request with the usual limit of 30s reports a full pool and not its own
	// timeout.
	PoolTimeout time.Duration `envconfig:"DATABASE_POOL_TIMEOUT" default:"10s" desc:"how long to wait for a free connection"`
	// PoolRecycle is the age at which a connection is replaced; 0 or less
	// keeps it for ever.
	PoolRecycle time.Duration `envconfig:"DATABASE_POOL_RECYCLE" default:"-1s" desc:"replace connections older than this (-1s = never)"`
	// PoolPrePing tests each connection when it is taken from the pool.
	PoolPrePing bool `envconfig:"DATABASE_POOL_PRE_PING" default:"false" desc:"test a connection each time it is taken from the pool"`

	// ConnectTimeout is how long an attempt to connect to one host may take
	// before it fails with [ErrUnavailable]. A URL's own connect_timeout wins.
	// SQLite does not use it.
	ConnectTimeout time.Duration `envconfig:"DATABASE_CONNECT_TIMEOUT" default:"10s" desc:"how long an attempt to connect may take (0 = no limit)"`
	// StatementTimeout is how long the database may take to answer a
	// statement, a COMMIT, or a call for the next row. Then the statement is
	// cancelled here and on the server, and returns [ErrTimeout], a COMMIT
	// [ErrCommitUnknown]. See [WithStatementTimeout] for exceptions. The client
	// measures it, so it also holds when the server hangs and behind poolers.
	StatementTimeout time.Duration `envconfig:"DATABASE_STATEMENT_TIMEOUT" default:"20s" desc:"how long the database may take to answer a statement (0 = no limit)"`
	// StatementCache is how many prepared statements each connection keeps.
	// A simple statement that Bun's builders write is prepared from the second
	// time on, with all its values bound instead of written into the text.
	// Other statements are sent as text. So are all statements of a unit of work
	// once it has changed settings or the schema. A prepared statement is used
	// for five minutes at most. 0 sends all statements as text. A URL's own
	// prepared_statement_cache_size (PostgreSQL) or cached_statements (SQLite)
	// wins. Behind a pooler that changes sessions between transactions, which
	// is detected, no statement is prepared.
	StatementCache int `envconfig:"DATABASE_STATEMENT_CACHE_SIZE" default:"128" desc:"prepared statements kept for each connection (0 = values are sent in the text)"`
	// CloseTimeout is how long [Database.Close] waits for work in progress before
	// it ends that; 0 ends it at once.
	CloseTimeout time.Duration `envconfig:"DATABASE_CLOSE_TIMEOUT" default:"5s" desc:"how long closing the database waits for work in progress before rolling it back (0 = do not wait)"`

	// GroupCommit lets units of work of sessions that wait for SQLite's one
	// writer share a transaction, each in a savepoint, and so the sync of
	// its COMMIT. Each unit of work is still stored whole or not at all, and
	// acknowledged when it is stored. It has an effect if each COMMIT syncs: on a
	// file with synchronous=FULL (the default) or EXTRA. Sessions there refuse
	// COMMIT and ROLLBACK as text. No transaction is shared if the
	// schema may undo a whole transaction (ON CONFLICT ROLLBACK, RAISE(ROLLBACK))
	// or defers a constraint, nor after a session has created such a thing. Only the
	// statement that creates it can fail with [ErrConflict]: if its unit of work
	// shares a transaction by then and has done something in it.
	GroupCommit bool `envconfig:"DATABASE_GROUP_COMMIT" default:"true" desc:"SQLite: let units of work that wait for the writer share one sync to the disk"`

	// Schema says what the start does with tables.
	Schema SchemaMode `envconfig:"DATABASE_SCHEMA" default:"create" takes:"migrate, check, create or none" desc:"at start: run missing revisions (migrate), refuse to start without them (check), create missing tables (create), or leave the schema alone (none)"`
	// LockTimeout limits how long a DDL statement of a revision waits for
	// other transactions on its table, on PostgreSQL and MySQL; 0 leaves the
	// server's own limit.
	LockTimeout time.Duration `envconfig:"DATABASE_LOCK_TIMEOUT" default:"10s" desc:"how long a revision's statement waits for a lock on its table before it tries again (0 = the server's own limit)"`
}

// DefaultConfig returns the defaults that the tags of [Config] name.
func DefaultConfig() Config {
	u, err := ParseURL("sqlite+aiosqlite:///./openhands.db")
	if err != nil {
		u = URL{} // Validate then says that there is no URL
	}
	return Config{
		URL:       u,
		Echo:      EchoOff,
		SlowQuery: 500 * time.Millisecond,

		ReplicaMaxLag: 10 * time.Second,
		CheckInterval: 500 * time.Millisecond,

		PoolSize:    5,
		MaxOverflow: 10,
		PoolTimeout: 10 * time.Second,
		PoolRecycle: -time.Second,

		ConnectTimeout:   10 * time.Second,
		StatementTimeout: 20 * time.Second,
		StatementCache:   128,
		CloseTimeout:     5 * time.Second,

		GroupCommit: true,

		Schema:      SchemaCreate,
		LockTimeout: 10 * time.Second,
	}
}

// Validate returns one error that joins all invalid settings, each with its
// variable's name and the values that it accepts.
func (c Config) Validate() error {
	var errs []error
	bad := func(name string, value any, takes string) {
		errs = append(errs, fmt.Errorf("dbmodule: %s=%v: %s", name, value, takes))
	}
	if c.URL.IsZero() {
		errs = append(errs, errors.New("dbmodule: DATABASE_URL is not set: name a database, for example sqlite:///./openhands.db"))
	}
	if err := c.URL.Invalid(); err != nil {
		errs = append(errs, fmt.Errorf("dbmodule: DATABASE_URL: %w", err))
	}
	errs = append(errs, c.validatePassword()...)
	errs = append(errs, c.invalidReplicas()...)
	if c.ReplicaMaxLag < 0 {
		bad("DATABASE_REPLICA_MAX_LAG", c.ReplicaMaxLag, "takes a duration of 0 (no limit) or more, for example 10s")
	}
	if c.CheckInterval <= 0 {
		bad("DATABASE_CHECK_INTERVAL", c.CheckInterval, "takes a duration above 0, for example 500ms")
	}
	if !c.Echo.valid() {
		bad("DATABASE_ECHO", c.Echo, "takes false, true or debug")
	}
	if c.SlowQuery < 0 {
		bad("DATABASE_SLOW_QUERY", c.SlowQuery, "takes a duration of 0 or more, for example 500ms")
	}
	if c.PoolSize < 0 {
		bad("DATABASE_POOL_SIZE", c.PoolSize, "takes 0 (no limit) or more")
	}
	if c.MaxOverflow < -1 {
		bad("DATABASE_MAX_OVERFLOW", c.MaxOverflow, "takes -1 (no limit) or more")
	}
	if c.PoolTimeout <= 0 {
		bad("DATABASE_POOL_TIMEOUT", c.PoolTimeout, "takes a duration above 0, for example 30s")
	}
	if c.ConnectTimeout < 0 {
		bad("DATABASE_CONNECT_TIMEOUT", c.ConnectTimeout, "takes a duration of 0 (no limit) or more, for example 10s")
	}
	if c.StatementTimeout < 0 {
		bad("DATABASE_STATEMENT_TIMEOUT", c.StatementTimeout, "takes a duration of 0 (no limit) or more, for example 20s")
	}
	if c.StatementCache < 0 {
		bad("DATABASE_STATEMENT_CACHE_SIZE", c.StatementCache, "takes 0 (none) or more")
	}
	if c.CloseTimeout < 0 {
		bad("DATABASE_CLOSE_TIMEOUT", c.CloseTimeout, "takes a duration of 0 or more, for example 5s")
	}
	if !c.Schema.valid() {
		bad("DATABASE_SCHEMA", c.Schema, schemaModes)
	}
	if c.LockTimeout < 0 {
		bad("DATABASE_LOCK_TIMEOUT", c.LockTimeout, "takes a duration of 0 or more, for example 10s")
	}
	return errors.Join(errs...)
}

// PasswordFunc returns the password for a connection that is about to be made.
// It is called for each one, also by several goroutines at once, and has until
// the end of ctx, which is the connection's own. Its error becomes part of an
// [ErrUnavailable]; it must not quote the password.
type PasswordFunc func(ctx context.Context) (string, error)

// passwordSource returns what makes the passwords, nil if the URL has the one
// there is.
func (c Config) passwordSource() PasswordFunc {
	switch {
	case c.Password != nil:
		return c.Password
	case c.PasswordFile != "":
		return PasswordFunc(credentials.File("DATABASE_PASSWORD_FILE", c.PasswordFile))
	case c.PasswordCommand != "":
		return PasswordFunc(credentials.Command("DATABASE_PASSWORD_COMMAND", c.PasswordCommand))
	}
	return nil
}

// validatePassword lists what is wrong with where the password comes from. It
// repeats no value: one of them may be the password itself by mistake.
func (c Config) validatePassword() (errs []error) {
	sources := []struct {
		name string
		set  bool
	}{
		{"DATABASE_PASSWORD_FILE", c.PasswordFile != ""},
		{"DATABASE_PASSWORD_COMMAND", c.PasswordCommand != ""},
		{"Password", c.Password != nil},
	}
	first := ""
	for _, source := range sources {
		bad := func(text string) { errs = append(errs, fmt.Errorf("dbmodule: %s: %s", source.name, text)) }
		switch {
		case !source.set:
			continue
		case first != "":
			bad("contradicts " + first + ": keep one of the two")
		case isLocal(c.URL):
			bad("a SQLite database has no password: remove it, or name a server in DATABASE_URL")
		case hasPassword(c.URL):
			bad("DATABASE_URL has a password too: remove that one from the URL")
		}
		first = source.name
	}
	if c.PasswordFile != "" && !filepath.IsAbs(c.PasswordFile) {
		errs = append(errs, errors.New("dbmodule: DATABASE_PASSWORD_FILE: takes the absolute path of a file, for example /run/secrets/database-password"))
	}
	if strings.ContainsAny(c.PasswordCommand, "'\"`$|;&<>\\\n") {
		errs = append(errs, errors.New("dbmodule: DATABASE_PASSWORD_COMMAND: takes a program and its arguments, split at spaces and run without a shell: put what needs quotes, pipes or variables into a script, and name that"))
	}
	return errs
}

// hasPassword reports whether the URL says which password to use.
func hasPassword(u URL) bool {
	return !u.Password().IsZero() || u.PostgreSQL().Settings["passfile"] != ""
}

// isLocal reports whether a URL names no server but a file or memory.
func isLocal(u URL) bool { return !u.IsZero() && len(u.Hosts()) == 0 }

// withServices returns the configuration with what the option service of its
// URLs stands for.
func (c Config) withServices() (_ Config, err error) {
	if c.URL, err = c.URL.WithService(); err != nil {
		return Config{}, err
	}
	c.ReplicaURLs = slices.Clone(c.ReplicaURLs)
	for i := range c.ReplicaURLs {
		if c.ReplicaURLs[i], err = c.ReplicaURLs[i].WithService(); err != nil {
			return Config{}, err
		}
	}
	return c, nil
}

// EchoMode says which statements and rows are logged.
type EchoMode string

// The values of DATABASE_ECHO.
const (
	EchoOff   EchoMode = "false"
	EchoOn    EchoMode = "true"
	EchoDebug EchoMode = "debug"
)

func (m EchoMode) valid() bool { return m == EchoOff || m == EchoOn || m == EchoDebug }

// UnmarshalText accepts false, true and debug, and 0 and 1 as other boolean
// settings do.
func (m *EchoMode) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "0", "f", "F", "FALSE", "False", "off", "no":
		*m = EchoOff
	case "1", "t", "T", "TRUE", "True", "on", "yes":
		*m = EchoOn
	default:
		if *m = EchoMode(s); !m.valid() {
			return fmt.Errorf("dbmodule: echo mode %q: takes false, true or debug", s)
		}
	}
	return nil
}

// SchemaMode says what the start does with the schema.
type SchemaMode string

// The values of DATABASE_SCHEMA.
const (
	// SchemaMigrate runs the revisions that the database lacks. If they take
	// longer than the start may, they finish while the application already
	// runs; until then sessions return [ErrUnavailable].
	SchemaMigrate SchemaMode = "migrate"
	// SchemaCheck refuses to start on a database that lacks revisions or has
	// one that is half done. A database that is ahead is accepted.
	SchemaCheck SchemaMode = "check"
	// SchemaCreate creates the models' tables that do not exist. If all of
	// them were missing and the program has revisions, it stamps these as
	// applied, because the tables are what they lead to.
	SchemaCreate SchemaMode = "create"
	// SchemaNone leaves the schema alone: you manage it.
	SchemaNone SchemaMode = "none"
)

// schemaModes says what DATABASE_SCHEMA takes.
const schemaModes = "takes migrate, check, create or none"

func (m SchemaMode) valid() bool {
	switch m {
	case SchemaMigrate, SchemaCheck, SchemaCreate, SchemaNone:
		return true
	}
	return false
}

// needsMigrator reports whether the mode is about revisions.
func (m SchemaMode) needsMigrator() bool { return m == SchemaMigrate || m == SchemaCheck }

// UnmarshalText accepts the four modes.
func (m *SchemaMode) UnmarshalText(text []byte) error {
	if *m = SchemaMode(text); !m.valid() {
		return fmt.Errorf("dbmodule: schema mode %q: %s", string(text), schemaModes)
	}
	return nil
}
