package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// Conn is a connection of an engine's driver. One goroutine uses it at a time. Its
// errors are the driver's own: Judge says what they mean.
//
// A transaction lasts from Begin until Commit or Rollback, whatever becomes of
// the context that Begin got: each call obeys its own context only.
type Conn interface {
	// Begin begins a transaction. With opts.MayWait an engine may send BEGIN
	// together with the first statement, which then returns the error of BEGIN too.
	Begin(ctx context.Context, opts TxOptions) error
	// Commit stores what the transaction did.
	Commit(ctx context.Context) error
	// Rollback undoes what the transaction did.
	Rollback(ctx context.Context) error

	// Exec runs a statement without a result.
	Exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error)
	// Query runs a statement with a result. The caller closes the rows before it
	// uses the connection again.
	Query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error)
	// Prepare prepares a statement. The caller closes it, at the latest with the
	// connection.
	Prepare(ctx context.Context, query string) (Stmt, error)

	// PrepareOwn is Prepare for a statement of the library's own making, which
	// returns what the same text returns. parameters are PostgreSQL's types of its
	// parameters.
	PrepareOwn(ctx context.Context, query string) (st Stmt, parameters []uint32, err error)
	// ClosesLate reports whether closing a statement costs a trip to the server.
	ClosesLate() bool
	// QueryAnySettings is Query for a session whose settings were changed: its
	// result is read as it is meant. It may cost a trip more.
	QueryAnySettings(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error)
	// SettingsChanged reports whether the session reads values in another way than
	// when KeepsStatements was asked, as far as its server tells by itself.
	SettingsChanged() bool
	// KeepsStatements reports whether the connection leads to one server session,
	// which still has a prepared statement later, and not to a pooler. It is asked
	// before the first query.
	KeepsStatements(ctx context.Context) (bool, error)
	// AbortsOnError reports whether a statement that fails makes its transaction
	// useless. Elsewhere it costs itself only.
	AbortsOnError() bool
	// Restart begins the transaction anew after its first statement failed, where
	// AbortsOnError.
	Restart(ctx context.Context) error
	// Control runs a statement of the library's own about a transaction, such as
	// SAVEPOINT. An engine may keep it prepared.
	Control(ctx context.Context, statement string) error

	// CommitFails returns the error that COMMIT would return by now, such as for a
	// foreign key that is looked at then, and nil if that would succeed. It is asked
	// where units of work share a COMMIT, see Opened.GroupCommits.
	CommitFails() error
	// SchemaUndoes reports whether constraints or triggers of the schema may undo a
	// whole transaction, or make its COMMIT fail. It is true when that is not known.
	SchemaUndoes(ctx context.Context) bool

	// Ping asks the server for an answer. driver.ErrBadConn says that the
	// connection is no good, and nothing else was sent on it.
	Ping(ctx context.Context) error
	// Reset makes the connection ready for its next user. Its errors say that
	// there should be none.
	Reset(ctx context.Context) error
	// Forget undoes what a unit of work may have left in its session out of sight, in a
	// function say: settings, a role, temporary tables, open cursors. Prepared statements
	// stay. It is called outside a transaction. Its errors say that there should be no next
	// user.
	Forget(ctx context.Context) error
	// Valid reports whether the driver would use the connection again. It sends
	// nothing.
	Valid() bool
	// CheckValue converts an argument as the driver wants it; driver.ErrSkip asks
	// for database/sql's own conversion.
	CheckValue(value *driver.NamedValue) error

	// DiscardsRows reports whether Exec may run a prepared statement that returns rows,
	// and drops them. Elsewhere the driver or the server would keep something of it.
	DiscardsRows() bool
	// OneResult reports whether no other statement may be sent while rows are open.
	OneResult() bool

	// Abandon ends what the server still does for a caller who went away, once
	// the driver has closed the connection for that. It returns at once.
	Abandon(ctx context.Context)
	// Driver is the driver's own connection.
	Driver() driver.Conn
	// Native is the connection as users of the driver know it, for what only that can
	// do. What its transaction begins with has been sent.
	Native(ctx context.Context) (any, error)
	// Close closes the connection.
	Close() error
}

// Stmt is a prepared statement of a connection. Like that, it is used by one
// goroutine at a time, and not after its connection was closed.
type Stmt interface {
	Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error)
	Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error)
	// NumInput is how many arguments it takes, -1 when the driver does not know.
	NumInput() int
	Close() error
}

// TxOptions are what a transaction begins with.
type TxOptions struct {
	Isolation sql.IsolationLevel
	ReadOnly  bool
	// MayWait allows BEGIN to be sent later, see Conn.Begin. It is for callers who
	// run the whole transaction again where a connection turns out to be stale.
	MayWait bool
}

// OpenFunc makes a connection.
type OpenFunc func(ctx context.Context) (Conn, error)
