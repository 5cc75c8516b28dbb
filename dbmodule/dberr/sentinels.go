package dberr

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// What can go wrong, whichever engine reports it. errors.Is finds these in
// every error of package dbmodule's *bun.DB, sessions, transactions and rows.
var (
	// ErrNotFound is sql.ErrNoRows itself, which Bun and database/sql return
	// for a missing row.
	ErrNotFound = sql.ErrNoRows

	// ErrUnique: a row with the same key exists already.
	ErrUnique = errors.New("unique constraint violated")
	// ErrForeignKey: a referenced row is missing, or a row is still referenced.
	ErrForeignKey = errors.New("foreign key violated")
	// ErrCheck: a CHECK constraint refused the row.
	ErrCheck = errors.New("check constraint violated")
	// ErrNotNull: a column that needs a value got none.
	ErrNotNull = errors.New("null value not allowed")
	// ErrValue: the database can't hold the value: too long, out of range, not
	// of the column's type, NUL or broken UTF-8 in text.
	ErrValue = errors.New("value not accepted")

	// ErrConflict: the transaction conflicted with another one: deadlock,
	// serialization failure, lock timeout, certification failure, a plan that a
	// schema change made stale. After its rollback nothing of it is stored, and
	// running it again may succeed; SessionFactory.InTx does so.
	ErrConflict = errors.New("conflict with another transaction")
	// ErrTimeout: the statement was cancelled by DATABASE_STATEMENT_TIMEOUT, by
	// a time limit of the server, or by somebody on the server. If the
	// caller's context ends, the error is context.Canceled or
	// context.DeadlineExceeded instead.
	ErrTimeout = errors.New("statement took too long")
	// ErrPoolTimeout: no connection of the pool became free in time.
	ErrPoolTimeout = errors.New("no free connection")
	// ErrUnavailable: the server can't be reached, is starting, stopping or
	// out of resources, or the connection to it was lost. A later attempt may
	// succeed.
	ErrUnavailable = errors.New("database unavailable")
	// ErrAccessDenied: the server refused the login or the permission, or
	// client and server could not agree on TLS. Waiting does not help.
	ErrAccessDenied = errors.New("access denied")
	// ErrNoDatabase: the server has no database of that name. Waiting does not
	// help.
	ErrNoDatabase = errors.New("database does not exist")
	// ErrCorrupt: the stored data is damaged, or the file is no database.
	ErrCorrupt = errors.New("database is damaged")
	// ErrDiskFull: the database has no disk space to write; reads may still work.
	ErrDiskFull = errors.New("disk full")
	// ErrReadOnly: a write through a read-only session, or to a database that
	// accepts no writes at present, such as a standby.
	ErrReadOnly = errors.New("read-only")
	// ErrReadOnlySession: a write through a session that was made with
	// dbmodule.ReadOnly or dbmodule.Snapshot. It is a mistake in the program; the
	// database itself accepts writes. It matches [ErrReadOnly] too.
	ErrReadOnlySession = fmt.Errorf("%w session: write with a session that is made without ReadOnly", ErrReadOnly)

	// ErrCommitUnknown: COMMIT was sent and no answer came. Either all or
	// nothing of the transaction is stored; read the data to find out which.
	ErrCommitUnknown = errors.New("outcome of the commit is unknown")
	// ErrPendingRollback: an earlier statement failed, and the transaction can
	// only be rolled back.
	ErrPendingRollback = errors.New("transaction must be rolled back")
	// ErrRowsOpen: a session was given a statement while rows of an earlier query
	// were open. It is a mistake in the program; the statement was not sent.
	ErrRowsOpen = errors.New("rows of an earlier query are open: read them to their end or close them (a row: Scan it) before the next statement")
	// ErrConcurrentUse: two goroutines used one session at the same time.
	ErrConcurrentUse = errors.New("session used by two goroutines at once")
	// ErrNestedUnit: SessionFactory.InTx inside InTx of the same database, where both
	// write; or on SQLite any writing session inside an InTx that holds the one writer
	// connection. It is a mistake in the program: use the outer session, or
	// dbmodule.Join.
	ErrNestedUnit = errors.New("unit of work inside another of the same database: use the session of the outer one, or dbmodule.Join()")
	// ErrDatabaseClosed: the Database was closed, by Database.Close. It is the error
	// that database/sql itself returns then, so that Bun's methods return it too.
	ErrDatabaseClosed = closedError()
	// ErrSessionClosed: the session was closed for good, by Session.Seal or because its
	// SessionFactory.InTx has returned.
	ErrSessionClosed = errors.New("session closed")
)

// closedError returns the error that database/sql returns from a closed pool.
// database/sql exports no name for it.
func closedError() error {
	pool := sql.OpenDB(noConnector{})
	_ = pool.Close()                              // nothing is open
	return pool.PingContext(context.Background()) //nolint:forbidigo // nothing is waited for
}

// noConnector connects to nothing.
type noConnector struct{}

func (noConnector) Connect(context.Context) (driver.Conn, error) { return nil, errors.ErrUnsupported }
func (noConnector) Driver() driver.Driver                        { return nil }
