package dbmodule

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"
)

// What can go wrong, whichever engine reports it. errors.Is finds these in
// every error of this package's *bun.DB, sessions, transactions and rows.
var (
	// ErrNotFound is sql.ErrNoRows itself: what Bun and database/sql return
	// for a row that is not there.
	ErrNotFound = sql.ErrNoRows

	// ErrUnique: a row with the same key is there already.
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

	// ErrConflict: the transaction met another one: deadlock, serialization
	// failure, lock timeout, certification failure, a plan that a schema change
	// made stale. Nothing of it is stored once it is rolled back, and running
	// it again may succeed; [SessionFactory.InTx] does.
	ErrConflict = errors.New("conflict with another transaction")
	// ErrTimeout: the statement was given up, by DATABASE_STATEMENT_TIMEOUT, by
	// a time limit of the server's or because somebody cancelled it there. The
	// caller's context ending is not this but context.Canceled or
	// context.DeadlineExceeded.
	ErrTimeout = errors.New("statement took too long")
	// ErrPoolTimeout: no connection of the pool became free in time.
	ErrPoolTimeout = errors.New("no free connection")
	// ErrUnavailable: the server can't be reached, is starting, stopping or
	// out of resources, or the connection to it was lost. It may pass.
	ErrUnavailable = errors.New("database unavailable")
	// ErrAccessDenied: the server refused who connects or what they may do, or
	// the two could not agree on TLS. Waiting does not help.
	ErrAccessDenied = errors.New("access denied")
	// ErrNoDatabase: the server has no database of that name. Waiting does not
	// help.
	ErrNoDatabase = errors.New("database does not exist")
	// ErrCorrupt: the stored data is damaged, or the file is no database.
	ErrCorrupt = errors.New("database is damaged")
	// ErrDiskFull: the database has no room to write; reading may go on.
	ErrDiskFull = errors.New("disk full")
	// ErrReadOnly: a write through a read-only session, or to a database that
	// takes none at present, such as a standby.
	ErrReadOnly = errors.New("read-only")

	// ErrCommitUnknown: COMMIT was sent and no answer came. Everything or
	// nothing of the transaction is stored; only looking tells which.
	ErrCommitUnknown = errors.New("outcome of the commit is unknown")
	// ErrPendingRollback: an earlier statement failed, and the transaction can
	// only be rolled back.
	ErrPendingRollback = errors.New("transaction must be rolled back")
	// ErrConcurrentUse: two goroutines used one session at the same time.
	ErrConcurrentUse = errors.New("session used by two goroutines at once")
	// ErrSessionClosed: the session was closed for good by [Session.Seal].
	ErrSessionClosed = errors.New("session closed")
)

// Error is an error of the database, recognised. errors.Is matches its Kind
// and whatever the driver's error matches; errors.As reaches the driver's own
// error. It is immutable and safe for concurrent use.
//
// Its text may be logged and shown to operators: it names the kind, the
// constraint and what the driver says, without the values of rows, which
// drivers do quote ("Duplicate entry 'ann@example.org' for key …"). They are
// replaced by "…", and PostgreSQL's detail is left out. The driver's error
// behind it still has all of them.
type Error struct {
	// Kind is one of this package's Err… values.
	Kind error
	// Engine is where it happened.
	Engine Engine
	// Code is the engine's own: a SQLSTATE on PostgreSQL, the error number on
	// MySQL, the extended result code on SQLite. It is empty for what no
	// server said, such as a lost connection.
	Code string
	// Constraint, Table and Column are filled as far as the engine names them.
	// Several columns are joined by ", ". SQLite names the columns of a unique
	// constraint instead of the constraint, and nothing for foreign keys.
	Constraint, Table, Column string

	cause error
}

// Error returns the kind, the names and the driver's message without values.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("dbmodule: ")
	b.WriteString(e.headline())
	if e.Table != "" {
		b.WriteString(" in table ")
		b.WriteString(strconv.Quote(e.Table))
	}
	if e.cause != nil {
		b.WriteString(": ")
		b.WriteString(driverText(e.Kind, e.cause))
	}
	return b.String()
}

func (e *Error) headline() string {
	constraint, column := strconv.Quote(e.Constraint), strconv.Quote(e.Column)
	switch {
	case e.Kind == nil:
		return "database error"
	case e.Kind == ErrUnique && e.Constraint != "":
		return "unique constraint " + constraint + " violated"
	case e.Kind == ErrForeignKey && e.Constraint != "":
		return "foreign key " + constraint + " violated"
	case e.Kind == ErrCheck && e.Constraint != "":
		return "check constraint " + constraint + " violated"
	case e.Kind == ErrUnique && e.Column != "":
		return "unique constraint on " + column + " violated"
	case e.Kind == ErrNotNull && e.Column != "":
		return "null value not allowed for " + column
	case e.Kind == ErrValue && e.Column != "":
		return "value not accepted for " + column
	}
	return e.Kind.Error()
}

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool { return e.Kind != nil && target == e.Kind }

// Unwrap returns the driver's error, whose text may hold the values of rows.
func (e *Error) Unwrap() error { return e.cause }
