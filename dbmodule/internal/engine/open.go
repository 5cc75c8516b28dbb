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

// Target says which database an engine opens, and how.
type Target struct {
	// URL is the database. The settings of its option service are merged in.
	URL dburl.URL
	// ConnectTimeout limits an attempt to connect to one host, unless the URL has a limit of
	// its own; 0 is no limit.
	ConnectTimeout time.Duration
	// Prepares is set if statements will be prepared.
	Prepares bool
	// CheckInterval is how often an engine looks at what may change under its connections.
	CheckInterval time.Duration
	// Notice, if not nil, tells an operator about an event that no statement caused, such as a
	// deleted file. It returns at once.
	Notice func(text string)
	// CloseIdle, if not nil, closes the idle connections to the database. An engine calls it
	// when all connections have to end.
	CloseIdle func()
	// Password, if not nil, returns the password for each new connection.
	Password credentials.Source
}

// AskPassword returns the password for a new connection. Password must not be nil. Its errors
// have a type.
func (t Target) AskPassword(ctx context.Context, judge Judge) (string, error) {
	password, err := credentials.Ask(ctx, t.Password)
	if err != nil {
		return "", judge.Error(t.URL.Engine(), dberr.ErrUnavailable, fmt.Errorf("no password to log in with: %w", err))
	}
	return password, nil
}

// Opened is what an engine returns for one database. It has done no I/O.
type Opened struct {
	Judge Judge
	// Dialect is Bun's dialect, which writes statements. Text is the dialect that reads them.
	Dialect schema.Dialect
	Text    sqltext.Dialect
	// Open makes a connection. It tries up to Attempts times, on other hosts and with TLS or
	// without. Each attempt may take as long as the connect timeout.
	Open     OpenFunc
	Attempts int
	// OpenReader makes connections that only read. It is set if only one connection of Open
	// may write at a time, as on SQLite, and nil otherwise. A database with OpenReader is a
	// file, not a server: waiting does not make it available.
	OpenReader OpenFunc
	// KeepWriter is set if the writing connection must not be replaced because of its age.
	KeepWriter bool
	// GroupCommits is set if several units of work should share one COMMIT, because each
	// COMMIT is slow.
	GroupCommits bool
	// Replication asks the servers how far they are; nil for an engine without servers.
	Replication Replication
	// Connected, if not nil, runs once, after the first connection was made. db is the pool.
	// The function that it returns, if not nil, runs when everything is closed.
	Connected func(ctx context.Context, db *sql.DB) (closeFunc func() error, err error)
	// Wait, if not nil, returns when the driver has finished its work for closed
	// connections.
	Wait func()
	// Explain, if not nil, returns more about the error of an attempt to connect, nil for
	// nothing.
	Explain func(err error) error
}
