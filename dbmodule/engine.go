package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
	"github.com/openhands-go/server/dbmodule/internal/pool"
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
	db      *sql.DB
	dialect schema.Dialect
	// connector makes the writer's connections.
	connector *sqlconn.Connector
	// replication asks the engine's servers how far they are; nil for SQLite.
	replication engine.Replication
	// connected, if not nil, runs once after the first connection, for what
	// needs the server; what it returns, if not nil, runs when all is closed.
	connected func(ctx context.Context) (closeFunc func() error, err error)
	// closing, if not nil, runs when the pools are closed.
	closing func()
}

// newPools makes the pools of a primary, whose readers may have a connector and limits
// of their own.
func newPools(c *sqlconn.Connector, limits pool.Limits, dialect schema.Dialect) pools {
	writer := newConnPool(PoolWriter, c, limits)
	return pools{writer: writer, reader: writer, db: openDB(writer), dialect: dialect, connector: c}
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
	if p.closing != nil {
		p.closing()
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

func openPools(cfg Config, with shared) (pools, error) {
	switch of := cfg.URL.Engine(); of {
	case SQLite:
		return openSQLite(cfg, with)
	case PostgreSQL:
		return openPostgreSQL(cfg, with)
	case MySQL:
		return openMySQL(cfg, with)
	default:
		return pools{}, fmt.Errorf("dbmodule: open: no engine %q", of)
	}
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
