package dberr

import (
	"errors"
	"strconv"
	"strings"

	"github.com/openhands-go/server/dbmodule/dburl"
)

// Error is an error of the database whose kind is known. errors.Is matches its
// Kind and everything that the driver's error matches. errors.As finds the
// driver's own error. An Error is immutable and safe for concurrent use.
//
// Its text may be logged and shown to operators. The text has the kind, the
// constraint and the driver's message, but no values of rows. Drivers quote
// such values ("Duplicate entry 'ann@example.org' for key …"): Error writes
// "…" in their place, and leaves out PostgreSQL's detail. The wrapped error
// of the driver still has all values.
type Error struct {
	// Kind is one of this package's Err… values.
	Kind error
	// Engine is the engine that reported the error.
	Engine dburl.Engine
	// Code is the engine's own code: a SQLSTATE on PostgreSQL, the error number
	// on MySQL, the extended result code on SQLite. It is empty if the error did
	// not come from the server, such as for a lost connection.
	Code string
	// Constraint, Table and Column are set if the engine names them. Several
	// columns are joined by ", "; Columns splits them. For a unique constraint
	// SQLite names its columns and not the constraint; for a foreign key SQLite
	// names nothing. For a duplicate MySQL names the key, and not its columns.
	Constraint, Table, Column string

	cause error
	text  string
}

// Wrap returns a copy of e that wraps cause, so that errors.Is and errors.As
// find cause. [Error.Error] shows text in place of the message of cause, so text
// must hold no values of rows.
func Wrap(e Error, cause error, text string) *Error {
	e.cause, e.text = cause, text
	return &e
}

// Columns returns the columns that the error is about, in the engine's order;
// nil if the engine named none.
func (e *Error) Columns() []string {
	if e.Column == "" {
		return nil
	}
	return strings.Split(e.Column, ", ")
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
	if e.text != "" {
		b.WriteString(": ")
		b.WriteString(e.text)
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

// Is reports whether e.Kind matches target, as errors.Is does.
func (e *Error) Is(target error) bool { return e.Kind != nil && errors.Is(e.Kind, target) }

// Unwrap returns the driver's error, whose text may hold the values of rows.
func (e *Error) Unwrap() error { return e.cause }
