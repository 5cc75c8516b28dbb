package dbmodule

import "github.com/openhands-go/server/dbmodule/dberr"

// What can go wrong, whichever engine reports it. errors.Is finds these in
// every error of this package's *bun.DB, sessions, transactions and rows.
var (
	// ErrNotFound is sql.ErrNoRows itself, which Bun and database/sql return
	// for a missing row.
	ErrNotFound = dberr.ErrNotFound

	// ErrUnique: a row with the same key exists already.
	ErrUnique = dberr.ErrUnique
	// ErrForeignKey: a referenced row is missing, or a row is still referenced.
	ErrForeignKey = dberr.ErrForeignKey
	// ErrCheck: a CHECK constraint refused the row.
	ErrCheck = dberr.ErrCheck
	// ErrNotNull: a column that needs a value got none.
	ErrNotNull = dberr.ErrNotNull
	// ErrValue: the database can't hold the value: too long, out of range, not
	// of the column's type, NUL or broken UTF-8 in text.
	ErrValue = dberr.ErrValue

	// ErrConflict: the transaction conflicted with another one: deadlock,
	// serialization failure, lock timeout, certification failure, a plan that a
	// schema change made stale. After its rollback nothing of it is stored, and
	// running it again may succeed; [SessionFactory.InTx] does so.
	ErrConflict = dberr.ErrConflict
	// ErrTimeout: the statement was cancelled by DATABASE_STATEMENT_TIMEOUT, by
	// a time limit of the server, or by somebody on the server. If the
	// caller's context ends, the error is context.Canceled or
	// context.DeadlineExceeded instead.
	ErrTimeout = dberr.ErrTimeout
	// ErrPoolTimeout: no connection of the pool became free in time.
	ErrPoolTimeout = dberr.ErrPoolTimeout
	// ErrUnavailable: the server can't be reached, is starting, stopping or
	// out of resources, or the connection to it was lost. A later attempt may
	// succeed.
	ErrUnavailable = dberr.ErrUnavailable
	// ErrAccessDenied: the server refused the login or the permission, or
	// client and server could not agree on TLS. Waiting does not help.
	ErrAccessDenied = dberr.ErrAccessDenied
	// ErrNoDatabase: the server has no database of that name. Waiting does not
	// help.
	ErrNoDatabase = dberr.ErrNoDatabase
	// ErrCorrupt: the stored data is damaged, or the file is no database.
	ErrCorrupt = dberr.ErrCorrupt
	// ErrDiskFull: the database has no disk space to write; reads may still work.
	ErrDiskFull = dberr.ErrDiskFull
	// ErrReadOnly: a write through a read-only session, or to a database that
	// accepts no writes at present, such as a standby.
	ErrReadOnly = dberr.ErrReadOnly
	// ErrReadOnlySession: a write through a session that was made with [ReadOnly] or
	// [Snapshot]. It is a mistake in the program; the database itself accepts writes.
	// It matches [ErrReadOnly] too.
	ErrReadOnlySession = dberr.ErrReadOnlySession

	// ErrCommitUnknown: COMMIT was sent and no answer came. Either all or
	// nothing of the transaction is stored; read the data to find out which.
	ErrCommitUnknown = dberr.ErrCommitUnknown
	// ErrPendingRollback: an earlier statement failed, and the transaction can
	// only be rolled back.
	ErrPendingRollback = dberr.ErrPendingRollback
	// ErrRowsOpen: a session was given a statement while rows of an earlier query
	// were open. It is a mistake in the program; the statement was not sent.
	ErrRowsOpen = dberr.ErrRowsOpen
	// ErrConcurrentUse: two goroutines used one session at the same time.
	ErrConcurrentUse = dberr.ErrConcurrentUse
	// ErrNestedUnit: [SessionFactory.InTx] inside InTx of the same database, where both
	// write; or on SQLite any writing session inside an InTx that holds the one writer
	// connection. It is a mistake in the program: use the outer session, or [Join].
	ErrNestedUnit = dberr.ErrNestedUnit
	// ErrDatabaseClosed: the Database was closed, by [Database.Close]. It is the error
	// that database/sql itself returns then, so that Bun's methods return it too.
	ErrDatabaseClosed = dberr.ErrDatabaseClosed
	// ErrSessionClosed: the session was closed for good, by [Session.Seal] or because its
	// [SessionFactory.InTx] has returned.
	ErrSessionClosed = dberr.ErrSessionClosed
)

// Error is an error of the database whose kind is known: see [dberr.Error].
type Error = dberr.Error

// ErrorKind returns one word for the kind of err: unique, conflict,
// pool_timeout and so on. The words can be values of a metric's label. It
// returns "other" for an error that matches no sentinel, and "" for nil.
func ErrorKind(err error) string { return dberr.ErrorKind(err) }

// ErrorKinds lists all words that [ErrorKind] returns for non-nil errors.
func ErrorKinds() []string { return dberr.ErrorKinds() }
