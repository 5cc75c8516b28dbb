package dbmodule

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
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
	writer *sql.DB
	// reader serves read-only sessions; it is writer itself where the engine
	// has no reason to keep the two apart.
	reader  *sql.DB
	dialect schema.Dialect
	// connector makes the writer's connections; nil for SQLite.
	connector *connector
	// replication asks the engine's servers how far they are; nil for SQLite.
	replication engine.Replication
	// queue, if not nil, counts the sessions that wait for writer.
	queue *commitQueue
	// connected, if not nil, runs once after the first connection, for what
	// needs the server; what it returns, if not nil, runs when all is closed.
	connected func(ctx context.Context) (closeFunc func() error, err error)
	// closing, if not nil, runs when the pools are closed.
	closing func()
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

// limitPool applies SQLAlchemy's pool settings to a database/sql pool:
// pool_size connections are kept, max_overflow more may be open for as long
// as they are in use.
func limitPool(db *sql.DB, cfg Config) {
	open := 0 // unlimited
	if cfg.PoolSize > 0 && cfg.MaxOverflow >= 0 {
		open = cfg.PoolSize + cfg.MaxOverflow
	}
	idle := cfg.PoolSize
	if idle == 0 {
		idle = 1 << 16 // pool_size=0 means "keep all of them"
	}
	db.SetMaxOpenConns(open)
	db.SetMaxIdleConns(idle)
	db.SetConnMaxLifetime(max(cfg.PoolRecycle, 0))
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
