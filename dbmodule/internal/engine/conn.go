package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// Conn is a connection of an engine's driver. One goroutine uses it at a time. Its errors are
// the driver's own: Judge says what they mean.
//
// A transaction lasts from Begin until Commit or Rollback. It does not end with the context
// of Begin: each call obeys only its own context.
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

	// PrepareOwn is Prepare for a statement that package prepared has recognised. parameters
	// are the types of its parameters on PostgreSQL.
	PrepareOwn(ctx context.Context, query string) (st Stmt, parameters []uint32, err error)
	// ClosesLate reports whether closing a statement costs a round trip to the server.
	ClosesLate() bool
	// QueryAnySettings is Query for a server session whose settings were changed, such as the
	// format of dates. It may cost one more round trip.
	QueryAnySettings(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error)
	// SettingsChanged reports whether a setting that decides how values are read has changed
	// since KeepsStatements was called, as far as the server reports that by itself.
	SettingsChanged() bool
	// KeepsStatements reports whether a prepared statement can be used later: the connection
	// leads to one server session, and not to a pooler. It is called before the first query.
	KeepsStatements(ctx context.Context) (bool, error)
	// AbortsOnError reports whether a failed statement makes its whole transaction fail. On
	// other engines the transaction can go on.
	AbortsOnError() bool
	// Restart begins the transaction again after its first statement has failed. It is called
	// only if AbortsOnError is true.
	Restart(ctx context.Context) error
	// Control runs a statement of this library about a transaction, such as SAVEPOINT. An
	// engine may keep it prepared.
	Control(ctx context.Context, statement string) error

	// CommitFails returns the error that COMMIT would return now, such as for a deferred
	// foreign key, and nil if COMMIT would succeed. It is called only if units of work share
	// a COMMIT, see Opened.GroupCommits.
	CommitFails() error
	// SchemaUndoes reports whether constraints or triggers of the schema may roll back a
	// whole transaction, or make its COMMIT fail. It is true if that is not known.
	SchemaUndoes(ctx context.Context) bool

	// Ping asks the server for an answer. driver.ErrBadConn means that the connection is
	// broken, and that nothing else was sent on it.
	Ping(ctx context.Context) error
	// Reset makes the connection ready for its next user. After an error the connection must
	// not be used.
	Reset(ctx context.Context) error
	// Forget resets what a function or a procedure may have changed in the server session:
	// settings, the role, temporary tables, open cursors. Prepared statements stay. It is
	// called outside a transaction. After an error the connection must not be used.
	Forget(ctx context.Context) error
	// Valid reports whether the driver would use the connection again. It sends
	// nothing.
	Valid() bool
	// CheckValue converts an argument as the driver wants it; driver.ErrSkip asks
	// for database/sql's own conversion.
	CheckValue(value *driver.NamedValue) error

	// DiscardsRows reports whether Exec may run a prepared statement that returns rows. On
	// other engines the driver or the server would keep a part of the result.
	DiscardsRows() bool
	// OneResult reports whether no other statement may be sent while rows are open.
	OneResult() bool

	// Abandon has the server end the statement of a caller that went away. It is called after
	// the driver has closed the connection for that reason, and returns at once.
	Abandon(ctx context.Context)
	// Driver is the driver's own connection.
	Driver() driver.Conn
	// Native is the connection as users of the driver know it, such as a *pgx.Conn. If BEGIN
	// was still waiting, Native sends it.
	Native(ctx context.Context) (any, error)
	// Close closes the connection.
	Close() error
}

// Stmt is a prepared statement of a connection. One goroutine uses it at a time, and nobody
// after the connection is closed.
type Stmt interface {
	Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error)
	Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error)
	// NumInput is how many arguments it takes, -1 when the driver does not know.
	NumInput() int
	Close() error
}

// TxOptions are the options of a transaction.
type TxOptions struct {
	Isolation sql.IsolationLevel
	ReadOnly  bool
	// MayWait allows BEGIN to be sent together with the first statement, see Conn.Begin. It is
	// for callers that run the whole transaction again on another connection if this one has
	// lost its server.
	MayWait bool
}

// OpenFunc makes a connection.
type OpenFunc func(ctx context.Context) (Conn, error)
