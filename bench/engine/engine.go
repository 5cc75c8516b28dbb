// Package engine runs the database systems that are measured, and says what
// machine that is on.
package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Engine is a database system that runs for the length of a benchmark.
type Engine struct {
	Kind dbmodule.Engine
	// Version is what it calls itself, with its name.
	Version string

	config contract.Config
	folder string // of SQLite's files
	server *dbtest.Server
}

// settings give the servers memory for all that is measured; durability stays
// as the engines have it.
func settings(engine dbmodule.Engine) []string {
	if engine == dbmodule.MySQL {
		return []string{"innodb-buffer-pool-size=2G", "innodb-log-file-size=1G"}
	}
	return []string{"shared_buffers=2GB", "max_wal_size=4GB"}
}

// Start starts an engine with durable commits, in folder if it has no
// server. The caller stops it.
func Start(ctx context.Context, c contract.Config, folder string) (*Engine, error) {
	e := &Engine{Kind: c.Engine, config: c, folder: folder}
	if c.Engine != dbmodule.SQLite {
		var err error
		if e.server, err = dbtest.NewServer(ctx, c.Engine, dbtest.Durable(), dbtest.WithSettings(settings(c.Engine)...)); err != nil {
			return nil, err
		}
		e.config.URL = e.server.URL()
	} else {
		e.config.URL = sqliteURL(filepath.Join(folder, "version.db"))
	}
	if err := e.readVersion(ctx); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// Config is how the engine's databases are used; its URL names one that is not
// for contenders.
func (e *Engine) Config() contract.Config { return e.config }

// Stop ends the server, with its data.
func (e *Engine) Stop() error {
	if e.server == nil {
		return nil
	}
	return e.server.Stop()
}

func (e *Engine) readVersion(ctx context.Context) error {
	query := map[dbmodule.Engine]string{
		dbmodule.SQLite:     "SELECT 'SQLite ' || sqlite_version()",
		dbmodule.PostgreSQL: "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)",
		dbmodule.MySQL:      "SELECT CONCAT(IF(VERSION() LIKE '%MariaDB%', 'MariaDB ', 'MySQL '), SUBSTRING_INDEX(VERSION(), '-', 1))",
	}[e.Kind]
	return e.administer(ctx, func(db *sql.DB) error { return db.QueryRowContext(ctx, query).Scan(&e.Version) })
}

func (e *Engine) administer(ctx context.Context, work func(*sql.DB) error) (err error) {
	pools, err := contract.Open(e.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close()) }()
	if err := work(pools.Writer); err != nil {
		return fmt.Errorf("engine: %s: %w", e.Kind, err)
	}
	return ctx.Err()
}

// Database makes an empty database.
func (e *Engine) Database(ctx context.Context, name string) (contract.Config, error) {
	c := e.config
	if e.Kind == dbmodule.SQLite {
		c.URL = sqliteURL(filepath.Join(e.folder, name+".db"))
		return c, nil
	}
	name = "bench_" + identifier(name)
	err := e.administer(ctx, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+name)
		return err
	})
	if err != nil {
		return c, err
	}
	c.URL, err = withDatabase(e.config.URL, name)
	return c, err
}

func sqliteURL(path string) string {
	return "sqlite:///" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
}

func withDatabase(rawURL, name string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("engine: the server's URL can't be read") // the text may carry the password
	}
	u.Path = "/" + name
	return u.String(), nil
}

// identifier makes a name that needs no quotes.
func identifier(name string) string {
	b := []byte(name)
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			b[i] = '_'
		}
	}
	return string(b)
}
