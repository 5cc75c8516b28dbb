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
	"github.com/openhands-go/server/dbmodule/internal/querylog"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
	"github.com/openhands-go/server/dbmodule/observe"
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
	connector *connector
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
func newPools(c *connector, limits pool.Limits, dialect schema.Dialect) pools {
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

func openPools(cfg Config, tell listeners) (pools, error) {
	switch of := cfg.URL.Engine(); of {
	case SQLite:
		return openSQLite(cfg, tell)
	case PostgreSQL:
		return openPostgreSQL(cfg, tell)
	case MySQL:
		return openMySQL(cfg, tell)
	default:
		return pools{}, fmt.Errorf("dbmodule: open: no engine %q", of)
	}
}

// listeners are told what connections do; the zero value is nobody.
type listeners struct {
	// log is the log of statements, nil for none. It is told of all statements, and
	// sees the values in them if showsValues is set. rows logs the rows of results,
	// nil for none.
	log         observe.Observer
	showsValues bool
	rows        querylog.RowFunc
	observers   observe.Observers
	// shapes learn which statements ran, and when the schema changes. All
	// connections to one database share them; nil is one's own.
	shapes *prepared.Shapes
	// open are the connections that are not closed.
	open *openConns
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
