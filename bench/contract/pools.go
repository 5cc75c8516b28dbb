package contract

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
	_ "modernc.org/sqlite"             // registers sqlite

	"github.com/openhands-go/server/dbmodule"
)

// Config says which database a contender serves, and how.
type Config struct {
	Engine dbmodule.Engine
	// URL is the database in SQLAlchemy's form, password included.
	URL string
	// Pool is how many connections may be open; all of them are kept.
	Pool int
	// Synchronous is SQLite's durability: NORMAL or FULL.
	Synchronous string
}

// Database returns the URL as this project's modules and SQLAlchemy take it,
// with SQLite's durability in it.
func (c Config) Database() string {
	if c.Engine == dbmodule.SQLite {
		return c.URL + "?synchronous=" + c.Synchronous
	}
	return c.URL
}

// Pools are the connections of a contender without dbmodule. They are set up
// as dbmodule does it, so that what differs is what stands above them: on
// SQLite one connection writes and the others read, on the servers there is
// one pool.
type Pools struct {
	Writer, Reader *sql.DB
}

// Open opens the pools; it does no I/O. The caller closes them.
func Open(c Config) (Pools, error) {
	switch c.Engine {
	case dbmodule.SQLite:
		return openSQLite(c)
	case dbmodule.PostgreSQL:
		return openShared("pgx", c.URL, c)
	case dbmodule.MySQL:
		dsn, err := mysqlDSN(c.URL)
		if err != nil {
			return Pools{}, err
		}
		return openShared("mysql", dsn, c)
	}
	return Pools{}, fmt.Errorf("contract: open: no engine %q", c.Engine)
}

// Close closes what [Open] opened.
func (p Pools) Close() error {
	if p.Reader == p.Writer {
		return p.Writer.Close()
	}
	return errors.Join(p.Reader.Close(), p.Writer.Close())
}

func openSQLite(c Config) (Pools, error) {
	u, err := dbmodule.ParseURL(c.URL)
	if err != nil {
		return Pools{}, err
	}
	path := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: u.Path()}).EscapedPath()}).String()
	common := []string{"busy_timeout(5000)", "foreign_keys(1)"}
	writer, err := sql.Open("sqlite", path+"?"+url.Values{
		"_pragma":      append(common, "journal_mode(WAL)", "synchronous("+c.Synchronous+")"),
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
	}.Encode())
	if err != nil {
		return Pools{}, fmt.Errorf("contract: open: %w", err)
	}
	limit(writer, 1)
	reader, err := sql.Open("sqlite", path+"?"+url.Values{
		"_pragma":      append(common, "query_only(1)"),
		"_time_format": {"sqlite"},
	}.Encode())
	if err != nil {
		return Pools{}, errors.Join(fmt.Errorf("contract: open: %w", err), writer.Close())
	}
	limit(reader, c.Pool)
	return Pools{Writer: writer, Reader: reader}, nil
}

func openShared(driver, dsn string, c Config) (Pools, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return Pools{}, fmt.Errorf("contract: open: %w", err)
	}
	limit(db, c.Pool)
	return Pools{Writer: db, Reader: db}, nil
}

func limit(db *sql.DB, n int) {
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
}

// mysqlDSN says what dbmodule says to the driver: times as UTC, statements
// prepared on the server.
func mysqlDSN(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("contract: open: the URL can't be read") // the text may carry the password
	}
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr = "tcp", u.Host
	config.DBName = u.Path[1:]
	config.ParseTime, config.Loc = true, time.UTC
	config.Params = map[string]string{"time_zone": "'+00:00'"}
	return config.FormatDSN(), nil
}
