package compare

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
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
	seeded string // the file that SQLite's databases are copies of
}

// settings give the servers memory for all that is measured; durability stays
// as the engines have it.
func settings(engine dbmodule.Engine) []string {
	if engine == dbmodule.MySQL {
		return []string{"innodb-buffer-pool-size=1G", "innodb-log-file-size=256M"}
	}
	return []string{"shared_buffers=1GB", "max_wal_size=4GB"}
}

// StartEngine starts the engine with durable commits, in folder if it has no
// server. The caller stops it.
func StartEngine(ctx context.Context, c contract.Config, folder string) (*Engine, error) {
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
		return fmt.Errorf("compare: %s: %w", e.Kind, err)
	}
	return ctx.Err()
}

// Database makes a database with the seeded table for one contender.
func (e *Engine) Database(ctx context.Context, name string, rows int64) (contract.Config, error) {
	c := e.config
	if e.Kind == dbmodule.SQLite {
		path := filepath.Join(e.folder, name+".db")
		c.URL = sqliteURL(path)
		if e.seeded != "" {
			return c, copyFile(e.seeded, path)
		}
		e.seeded = filepath.Join(e.folder, "seeded.db")
		seed := c
		seed.URL = sqliteURL(e.seeded)
		return c, errors.Join(contract.Seed(ctx, seed, rows), copyFile(e.seeded, path))
	}
	name = "bench_" + identifier(name)
	err := e.administer(ctx, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+name)
		return err
	})
	if err != nil {
		return c, err
	}
	if c.URL, err = withDatabase(e.config.URL, name); err != nil {
		return c, err
	}
	return c, contract.Seed(ctx, c, rows)
}

func sqliteURL(path string) string {
	return "sqlite:///" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
}

func withDatabase(rawURL, name string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("compare: the server's URL can't be read") // the text may carry the password
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

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("compare: copy database: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("compare: copy database: %w", err)
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
