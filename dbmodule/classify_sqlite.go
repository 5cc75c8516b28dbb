package dbmodule

import (
	"context"
	"errors"
	"strconv"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteError is what of the driver's *sqlite.Error is needed here.
type sqliteError interface {
	error
	// Code is SQLite's extended result code.
	Code() int
}

func recogniseSQLite(lite sqliteError) Error {
	message := lite.Error()
	e := Error{Kind: sqliteKind(lite.Code(), message), Code: strconv.Itoa(lite.Code())}
	switch e.Kind {
	case ErrUnique:
		names := sqliteNames(message, "UNIQUE constraint failed: ")
		if index := between(names, "index '", "'"); index != "" { // of expressions
			e.Constraint = index
		} else {
			e.Table, e.Column = sqliteColumns(names)
		}
	case ErrNotNull:
		e.Table, e.Column = sqliteColumns(sqliteNames(message, "NOT NULL constraint failed: "))
	case ErrCheck:
		e.Constraint = sqliteNames(message, "CHECK constraint failed: ")
	case ErrValue:
		if _, names, found := strings.Cut(message, " column "); found { // of a STRICT table
			e.Table, e.Column = sqliteColumns(sqliteNames(names, ""))
		}
	}
	return e
}

func sqliteKind(code int, message string) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return ErrUnique
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return ErrForeignKey
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		return ErrCheck
	case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		return ErrNotNull
	case sqlite3.SQLITE_CONSTRAINT_DATATYPE:
		return ErrValue
	case sqlite3.SQLITE_READONLY_DBMOVED: // the file was moved or deleted
		return ErrUnavailable
	case sqlite3.SQLITE_IOERR_SHMSIZE: // no room for the WAL's index
		return ErrDiskFull
	case sqlite3.SQLITE_IOERR_CORRUPTFS:
		return ErrCorrupt
	}
	switch code & 0xff {
	case sqlite3.SQLITE_ERROR: // one code for many things
		for _, text := range [...]string{"integer overflow", "malformed JSON", "JSON path error", "bad JSON path"} {
			if strings.Contains(message, text) {
				return ErrValue
			}
		}
		return nil
	case sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return ErrValue
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return ErrConflict
	case sqlite3.SQLITE_INTERRUPT:
		return ErrTimeout
	case sqlite3.SQLITE_FULL:
		return ErrDiskFull
	case sqlite3.SQLITE_READONLY:
		return ErrReadOnly
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM:
		return ErrUnavailable
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return ErrCorrupt
	case sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return ErrAccessDenied
	}
	return nil
}

// endsSQLiteTransaction errs on the careful side: SQLite rolls the whole
// transaction back for some of these only, depending on what the statement
// had done. A context that ends interrupts a statement, which is one of them.
func endsSQLiteTransaction(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var lite sqliteError
	if !errors.As(err, &lite) {
		return false
	}
	switch lite.Code() {
	case sqlite3.SQLITE_ABORT_ROLLBACK, sqlite3.SQLITE_CONSTRAINT_TRIGGER: // the latter for RAISE(ROLLBACK) too
		return true
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY,
		sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB:
		return true
	case sqlite3.SQLITE_ERROR: // said of a transaction that is gone
		for _, text := range [...]string{"no such savepoint", "no transaction is active"} {
			if strings.Contains(lite.Error(), text) {
				return true
			}
		}
	}
	return false
}

// sqliteText is the message without values: those of errors about values, of
// the ones that SQLite has no code for, and of an application's own triggers.
func sqliteText(lite sqliteError) string {
	message := lite.Error()
	if lite.Code() == sqlite3.SQLITE_CONSTRAINT_TRIGGER {
		return "constraint failed: raised by a trigger (" + strconv.Itoa(lite.Code()) + ")"
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return withoutQuoted(message)
	}
	return message
}

func discardsSQLiteConn(err error) bool {
	var lite sqliteError
	if !errors.As(err, &lite) {
		return false
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_READONLY, // a file that was read-only when it was opened stays so for the connection
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

// sqliteNames returns what follows prefix, without the code that the driver
// adds: "…: UNIQUE constraint failed: t.a, t.b (2067)".
func sqliteNames(message, prefix string) string {
	_, names, found := strings.Cut(message, prefix)
	if !found {
		return ""
	}
	if i := strings.LastIndex(names, " ("); i >= 0 {
		names = names[:i]
	}
	return names
}

// sqliteColumns takes "t.a, t.b" apart into "t" and "a, b".
func sqliteColumns(names string) (table, columns string) {
	var list []string
	for name := range strings.SplitSeq(names, ", ") {
		t, column, found := strings.Cut(name, ".")
		if !found {
			return "", ""
		}
		table = t
		list = append(list, column)
	}
	return table, strings.Join(list, ", ")
}
