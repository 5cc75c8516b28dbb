package dbmodule

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/credentials"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Engine names a family of databases that share a dialect and a driver.
type Engine = dburl.Engine

// The engines that a [URL] can name. MariaDB is served by MySQL.
const (
	SQLite     = dburl.SQLite
	PostgreSQL = dburl.PostgreSQL
	MySQL      = dburl.MySQL
)

// dialectOf is how an engine's statements are read.
func dialectOf(e Engine) sqltext.Dialect {
	switch e {
	case PostgreSQL:
		return sqltext.PostgreSQL
	case MySQL:
		return sqltext.MySQL
	default:
		return sqltext.SQLite
	}
}

// pools is what an engine opens for one URL. Nothing in it has done I/O.
type pools struct {
	// writer is the primary: every transaction that may write runs on it.
	writer *connPool
	// reader serves read-only sessions; it is writer itself where the engine
	// has no reason to keep the two apart.
	reader *connPool
	// db leases its connections from writer.
	db *sql.DB
	// connector makes the writer's connections.
	connector *sqlconn.Connector
	// opened is what the engine has for the database.
	opened engine.Opened
}

// close closes the pools. Connections in use are closed when they are given back.
func (p pools) close() error {
	errs := []error{p.writer.Close(), p.db.Close()}
	if p.reader != p.writer {
		errs = append(errs, p.reader.Close())
	}
	return errors.Join(errs...)
}

// wait returns when the driver does nothing more for connections that are closed.
func (p pools) wait() {
	if p.opened.Wait != nil {
		p.opened.Wait()
	}
}

// shared is what the connections of all pools of a Database have in common; the zero
// value is nothing.
type shared struct {
	listeners sqlconn.Listeners
	shapes    *prepared.Shapes
	live      *sqlconn.Live
}

// connSettings are the settings of connections that an engine opens.
func (c Config) connSettings(with shared, judge engine.Judge, open engine.OpenFunc) sqlconn.Settings {
	return sqlconn.Settings{
		Engine: c.URL.Engine(), Dialect: dialectOf(c.URL.Engine()), Judge: judge, Open: open,
		PrePing: c.PoolPrePing, ConnectTimeout: c.URL.ConnectTimeout(c.ConnectTimeout), StatementTimeout: c.StatementTimeout,
		Shapes: with.shapes, StatementCache: c.URL.StatementCache(c.StatementCache),
		Live: with.live, Listeners: with.listeners,
	}
}

// openEngine has the URL's engine open the database. It does no I/O.
func (c Config) openEngine() (engine.Opened, error) {
	target := engine.Target{
		URL: c.URL, ConnectTimeout: c.ConnectTimeout, Prepares: c.URL.StatementCache(c.StatementCache) > 0,
		Password: credentials.Source(c.passwordSource()),
	}
	switch of := c.URL.Engine(); of {
	case SQLite:
		return sqlite.Open(target)
	case PostgreSQL:
		return postgres.Open(target)
	case MySQL:
		return mysql.Open(target)
	default:
		return engine.Opened{}, fmt.Errorf("dbmodule: open: no engine %q", of)
	}
}

// openPools makes the pools for the URL of cfg. Where one connection writes, that and
// those that read have a pool each.
func openPools(cfg Config, with shared) (pools, error) {
	opened, err := cfg.openEngine()
	if err != nil {
		return pools{}, err
	}
	settings, limits := cfg.connSettings(with, opened.Judge, opened.Open), limitsOf(cfg)
	settings.ConnectTimeout *= time.Duration(opened.Attempts) // each gets its time
	if cfg.GroupCommit && opened.GroupCommits {
		settings.Queue = groupcommit.NewQueue(settings.Dialect, func(kind, cause error) error {
			return opened.Judge.Error(settings.Engine, kind, cause)
		})
	}
	if opened.OpenReader != nil {
		limits.Size, limits.Overflow = 1, 0
	}
	if opened.KeepWriter {
		limits.Recycle = 0
	}
	connector := sqlconn.NewConnector(settings)
	writer := newConnPool(PoolWriter, connector, limits)
	p := pools{writer: writer, reader: writer, db: openDB(writer), connector: connector, opened: opened}
	if opened.OpenReader != nil {
		p.reader = newConnPool(PoolReader, sqlconn.NewConnector(cfg.connSettings(with, opened.Judge, opened.OpenReader)), limitsOf(cfg))
	}
	return p, nil
}

// judgeOf returns what says what the errors of an engine's driver mean.
func judgeOf(of Engine) engine.Judge {
	switch of {
	case PostgreSQL:
		return postgres.Judge
	case MySQL:
		return mysql.Judge
	default:
		return sqlite.Judge
	}
}

// URL says which database to use and how to reach it: see [dburl.URL].
type URL = dburl.URL

// URLs is a list of databases, in the form of DATABASE_REPLICA_URLS.
type URLs = dburl.URLs

// ParseURL reads a database URL in SQLAlchemy's form: see [dburl.ParseURL].
func ParseURL(raw string) (URL, error) { return dburl.ParseURL(raw) }

// ParseURLs reads URLs that are separated by commas or white space: see
// [dburl.ParseURLs].
func ParseURLs(raw string) (URLs, error) { return dburl.ParseURLs(raw) }

// SQLiteURL returns the URL of the database in a file, whatever characters its
// path has; readOnly adds mode=ro. The path must not be empty.
func SQLiteURL(path string, readOnly bool) (URL, error) { return dburl.SQLiteURL(path, readOnly) }
