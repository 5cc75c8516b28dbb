package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// memorySerial numbers the databases in memory of this process. All connections of one
// Database share one.
var memorySerial atomic.Int64

// Open opens a file or a database in memory. It does no I/O.
//
// One connection writes: writers wait for it in the pool, and don't get SQLITE_BUSY. Others
// only read (query_only), which WAL allows at the same time.
func Open(target engine.Target) (engine.Opened, error) {
	options := target.URL.SQLite()
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: options.Path}).EscapedPath()}).String()
	if options.Memory {
		name = "file:/openhands-" + strconv.FormatInt(memorySerial.Add(1), 10)
	}
	settings := Settings{
		Name: name, Memory: options.Memory, ReadOnly: options.ReadOnly, MustExist: options.MustExist,
		BusyTimeout: options.BusyTimeout, Synchronous: options.Synchronous,
	}
	if !options.Memory {
		settings.file = newFile(target)
	}
	readers := settings
	readers.Reader = true

	opened := engine.Opened{
		Judge: Judge, Dialect: sqlitedialect.New(), Text: sqltext.SQLite, Open: Opener(settings), Attempts: 1, OpenReader: Opener(readers),
		KeepWriter: options.Memory, GroupCommits: options.SyncsEachCommit(),
		Explain: func(err error) error { return noFile(target.URL, err) },
	}
	if options.Memory {
		opened.Connected = anchor(opened.OpenReader)
	} else {
		opened.Connected = settings.file.watch
	}
	return opened, nil
}

// anchor makes a connection that keeps a database in memory alive, which ends with its last
// connection. It is in no pool, so that nobody closes it.
func anchor(open engine.OpenFunc) func(context.Context, *sql.DB) (func() error, error) {
	return func(ctx context.Context, _ *sql.DB) (func() error, error) {
		conn, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return conn.Close, nil
	}
}

// Settings describe the connections to a database.
type Settings struct {
	// Name is the driver's name of the database, without settings: "file:" and the
	// path, or a name of an in-memory database's own.
	Name string
	// Memory is set for a database in memory, which ends with its last connection.
	Memory bool
	// ReadOnly opens a file that must not be changed. Reader makes connections that refuse
	// to write, to a database that others write to.
	ReadOnly, Reader bool
	// MustExist opens an existing file and creates none.
	MustExist bool
	// BusyTimeout is how long a statement waits for another process's lock.
	BusyTimeout time.Duration
	// Synchronous is the value of SQLite's pragma of that name.
	Synchronous string

	// file is the database's file, nil in memory.
	file *file
}

// Opener returns the function that makes connections.
func Opener(s Settings) engine.OpenFunc {
	there := s
	there.MustExist = true
	names := map[bool]string{false: s.Name + "?" + s.query().Encode(), true: s.Name + "?" + there.query().Encode()}
	writer := !s.Reader && !s.ReadOnly
	return func(context.Context) (engine.Conn, error) {
		var c *conn
		opened, l, err := s.file.open(func(exists bool) error {
			if !exists && s.file != nil && !s.ReadOnly && !s.MustExist {
				s.file.create()
			}
			inner, err := (&sqlite.Driver{}).Open(names[exists])
			if err != nil {
				return err
			}
			c, err = newConn(inner, writer, s)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", s.Name, err)
		}
		c.opened, c.log = opened, l
		s.file.logOpened(c)
		return c, nil
	}
}

// logLimit is the size in bytes to which SQLite truncates the write-ahead log when it starts
// it again. Without a limit the log would keep the size of the largest transaction. What is
// written between two checkpoints usually fits.
const logLimit = 64 << 20

// query renders the settings as the driver's parameters, which it sets on each connection.
func (s Settings) query() url.Values {
	q := url.Values{}
	pragma := func(name, value string) { q.Add("_pragma", name+"("+value+")") }

	pragma("busy_timeout", strconv.FormatInt(s.BusyTimeout.Milliseconds(), 10))
	pragma("foreign_keys", "1")
	switch {
	case s.Reader || s.ReadOnly:
		pragma("query_only", "1")
	case !s.Memory:
		pragma("journal_mode", "WAL")
		pragma("journal_size_limit", strconv.Itoa(logLimit))
	}
	if !s.Reader {
		pragma("synchronous", s.Synchronous)
	}
	if s.Memory {
		q.Set("vfs", "memdb")
	}
	switch {
	case s.ReadOnly:
		q.Set("mode", "ro")
	case s.MustExist:
		q.Set("mode", "rw")
	}
	q.Set("_time_format", "sqlite")
	return q
}
