package dbmodule

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/credentials"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// Engine names a family of databases that share a dialect and a driver.
type Engine = dburl.Engine

// The engines that a [URL] can name. MariaDB is served by MySQL.
const (
	SQLite     = dburl.SQLite
	PostgreSQL = dburl.PostgreSQL
	MySQL      = dburl.MySQL
)

// pools are the pools for one URL. They are made without I/O.
type pools struct {
	// writer serves every transaction that may write.
	writer *connPool
	// reader serves read-only sessions. Except on SQLite it is writer itself.
	reader *connPool
	// db leases its connections from writer.
	db *sql.DB
	// connector makes the writer's connections.
	connector *sqlconn.Connector
	opened    engine.Opened
}

// close closes the pools. Connections in use are closed when they are released.
func (p pools) close() error {
	errs := []error{p.writer.Close(), p.db.Close()}
	if p.reader != p.writer {
		errs = append(errs, p.reader.Close())
	}
	return errors.Join(errs...)
}

// closeIdle closes the idle connections.
func (p pools) closeIdle() {
	_ = p.writer.CloseIdle() // nobody needs them
	if p.reader != p.writer {
		_ = p.reader.CloseIdle()
	}
}

// wait returns when the driver has finished its work for closed connections.
func (p pools) wait() {
	if p.opened.Wait != nil {
		p.opened.Wait()
	}
}

// shared is what all pools of a Database share. Pools that serve no sessions have the zero
// value.
type shared struct {
	listeners sqlconn.Listeners
	shapes    *prepared.Shapes
	live      *sqlconn.Live
	// gate keeps sessions out during a migration in the background.
	gate *gate
	// notice logs an event of the database that no statement caused; see engine.Target.
	notice func(text string)
}

// connSettings are the settings of connections that an engine opens.
func (c Config) connSettings(with shared, opened engine.Opened) sqlconn.Settings {
	return sqlconn.Settings{
		Engine: c.URL.Engine(), Dialect: opened.Text, Judge: opened.Judge, Open: opened.Open,
		PrePing: c.PoolPrePing, ConnectTimeout: c.URL.ConnectTimeout(c.ConnectTimeout), StatementTimeout: c.StatementTimeout,
		Shapes: with.shapes, StatementCache: c.URL.StatementCache(c.StatementCache),
		Live: with.live, Listeners: with.listeners,
	}
}

// openEngine has the URL's engine open the database. It does no I/O. closeIdle closes the
// idle connections of the database's pools.
func (c Config) openEngine(notice func(text string), closeIdle func()) (engine.Opened, error) {
	target := engine.Target{
		URL: c.URL, ConnectTimeout: c.ConnectTimeout, Prepares: c.URL.StatementCache(c.StatementCache) > 0,
		Password: credentials.Source(c.passwordSource()), CheckInterval: c.CheckInterval, Notice: notice, CloseIdle: closeIdle,
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

// openPools makes the pools for the URL of cfg. replica is nil for the primary. If only one
// connection may write at a time, the connections that read have a pool of their own.
func openPools(cfg Config, with shared, replica *cluster.Replica) (pools, error) {
	var p pools
	opened, err := cfg.openEngine(with.notice, func() { p.closeIdle() })
	if err != nil {
		return pools{}, err
	}
	settings, limits := cfg.connSettings(with, opened), limitsOf(cfg)
	readers, readerLimits := settings, limits
	settings.Standby = replica != nil
	settings.ConnectTimeout *= time.Duration(opened.Attempts) // each gets its time
	if cfg.GroupCommit && opened.GroupCommits {
		settings.Groups = groupcommit.NewCoordinator(settings.Dialect, func(kind, cause error) error {
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
	name := PoolWriter
	if replica != nil {
		name = PoolReplica(replica.Index() + 1)
	}
	writer := newConnPool(name, connector, limits, cfg.PoolTimeout, with, replica)
	p = pools{writer: writer, reader: writer, db: openDB(writer), connector: connector, opened: opened}
	if opened.OpenReader != nil {
		readers.Open = opened.OpenReader
		p.reader = newConnPool(PoolReader, sqlconn.NewConnector(readers), readerLimits, cfg.PoolTimeout, with, nil)
	}
	return p, nil
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
