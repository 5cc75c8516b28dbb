package engine

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/credentials"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Target is a database that an engine is to open, and how.
type Target struct {
	// URL has what its option service stands for.
	URL dburl.URL
	// ConnectTimeout bounds an attempt to connect to one host unless the URL has a
	// limit of its own; 0 does not.
	ConnectTimeout time.Duration
	// Prepares is set when statements are to be prepared.
	Prepares bool
	// CheckInterval is how often an engine looks at what may change under its connections.
	CheckInterval time.Duration
	// Notice, if not nil, tells an operator what happens to the database by itself. It is called
	// once for each thing that happens, and returns at once.
	Notice func(text string)
	// CloseIdle, if not nil, closes the connections to the database that nobody uses. An
	// engine calls it when all of them have to end.
	CloseIdle func()
	// Password, if not nil, is asked for the password of each connection that is made.
	Password credentials.Source
}

// AskPassword asks for the password of a connection that is about to be made. Its
// errors have a type. It must not be called without a source.
func (t Target) AskPassword(ctx context.Context, judge Judge) (string, error) {
	password, err := credentials.Ask(ctx, t.Password)
	if err != nil {
		return "", judge.Error(t.URL.Engine(), dberr.ErrUnavailable, fmt.Errorf("no password to log in with: %w", err))
	}
	return password, nil
}

// Opened is what an engine has for one database. Nothing in it has done I/O.
type Opened struct {
	Judge Judge
	// Dialect is how Bun writes statements, Text how they are read.
	Dialect schema.Dialect
	Text    sqltext.Dialect
	// Open makes a connection. It tries up to Attempts times, on other hosts and with
	// TLS or without, and each attempt may take as long as the limit of connecting.
	Open     OpenFunc
	Attempts int
	// OpenReader is set where one connection of Open's writes at a time. It makes
	// connections that only read, and which the writer does not hold up. Such a database
	// is no server's: it is opened by this process alone, and waiting does not make it
	// available.
	OpenReader OpenFunc
	// KeepWriter is set when the connection that writes must not be replaced by age.
	KeepWriter bool
	// GroupCommits is set when a COMMIT costs so much that several units of work
	// should share one.
	GroupCommits bool
	// Replication asks the servers how far they are; nil where there are none.
	Replication Replication
	// Connected, if not nil, runs once after the first connection, for what needs the
	// server; db leads to that. What it returns, if not nil, runs when all is closed.
	Connected func(ctx context.Context, db *sql.DB) (closeFunc func() error, err error)
	// Wait, if not nil, returns when the driver does nothing more for connections
	// that are closed.
	Wait func()
	// Explain, if not nil, returns what else is known about an error of connecting,
	// nil for nothing.
	Explain func(err error) error
}
