package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// driverError is the driver's *sqlite.Error.
type driverError interface {
	error
	// Code is SQLite's extended result code.
	Code() int
}

// Judge says what an error of the modernc driver means. It has the type engine.Judge.
func Judge(err error) engine.Verdict {
	var v engine.Verdict
	var lite driverError
	var gone *goneError
	switch {
	case errors.As(err, &gone):
		v = engine.Verdict{Kind: dberr.ErrUnavailable, Code: strconv.Itoa(sqlite3.SQLITE_READONLY_DBMOVED), Text: gone.Error(), LosesTransaction: true, LosesConnection: true, Answered: true}
	case errors.As(err, &lite):
		v = judgeSQLite(lite)
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, engine.ErrConnLost):
		v = engine.Verdict{Kind: dberr.ErrUnavailable, LosesConnection: true}
	}
	v = v.ByCaller(err, false)
	// The end of a context interrupts the statement. If the statement writes, SQLite then
	// rolls back the whole transaction.
	v.LosesTransaction = v.LosesTransaction || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	return v
}

// judgeSQLite judges an error of SQLite itself.
func judgeSQLite(lite driverError) engine.Verdict {
	message := lite.Error()
	e := engine.Verdict{Kind: kind(lite.Code(), message), Code: strconv.Itoa(lite.Code())}
	e.Text = text(lite)
	e.LosesTransaction = losesTransaction(lite)
	e.LosesConnection = losesConnection(lite)
	e.Answered = lite.Code()&0xff != sqlite3.SQLITE_IOERR
	switch e.Kind {
	case dberr.ErrUnique:
		broken := names(message, "UNIQUE constraint failed: ")
		if index, found := strings.CutPrefix(broken, "index '"); found { // of expressions
			e.Constraint = strings.TrimSuffix(index, "'")
		} else {
			e.Table, e.Column = columns(broken)
		}
	case dberr.ErrNotNull:
		e.Table, e.Column = columns(names(message, "NOT NULL constraint failed: "))
	case dberr.ErrCheck:
		e.Constraint = names(message, "CHECK constraint failed: ")
	case dberr.ErrValue:
		if _, column, found := strings.Cut(message, " column "); found { // of a STRICT table
			e.Table, e.Column = columns(names(column, ""))
		}
	}
	return e
}

func kind(code int, message string) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return dberr.ErrUnique
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return dberr.ErrForeignKey
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		return dberr.ErrCheck
	case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		return dberr.ErrNotNull
	case sqlite3.SQLITE_CONSTRAINT_DATATYPE:
		return dberr.ErrValue
	case sqlite3.SQLITE_READONLY_DBMOVED: // the file was moved or deleted
		return dberr.ErrUnavailable
	case sqlite3.SQLITE_IOERR_SHMSIZE: // no room for the WAL's index
		return dberr.ErrDiskFull
	case sqlite3.SQLITE_IOERR_CORRUPTFS:
		return dberr.ErrCorrupt
	}
	switch code & 0xff {
	case sqlite3.SQLITE_ERROR: // one code for many things
		for _, text := range [...]string{"integer overflow", "malformed JSON", "JSON path error", "bad JSON path"} {
			if strings.Contains(message, text) {
				return dberr.ErrValue
			}
		}
		return nil
	case sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return dberr.ErrValue
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return dberr.ErrConflict
	case sqlite3.SQLITE_INTERRUPT:
		return dberr.ErrTimeout
	case sqlite3.SQLITE_FULL:
		return dberr.ErrDiskFull
	case sqlite3.SQLITE_READONLY:
		return dberr.ErrReadOnly
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM:
		return dberr.ErrUnavailable
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return dberr.ErrCorrupt
	case sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return dberr.ErrAccessDenied
	}
	return nil
}

// losesTransaction reports whether SQLite may have rolled back the whole transaction. For some
// of these errors it does so only depending on what the statement has done.
func losesTransaction(lite driverError) bool {
	switch lite.Code() {
	case sqlite3.SQLITE_ABORT_ROLLBACK:
		return true
	case sqlite3.SQLITE_CONSTRAINT_TRIGGER:
		_, open := lite.(raised)
		return !open
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

// text returns the message without values. Messages about values, messages without a code of
// their own, and those of an application's triggers may contain them.
func text(lite driverError) string {
	message := lite.Error()
	if lite.Code() == sqlite3.SQLITE_CONSTRAINT_TRIGGER {
		return "constraint failed: raised by a trigger (" + strconv.Itoa(lite.Code()) + ")"
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return engine.WithoutQuoted(message)
	}
	return message
}

func losesConnection(lite driverError) bool {
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_READONLY, // a file that was read-only when it was opened stays so for the connection
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

// names returns the text after prefix, without the code that the driver adds: "…: UNIQUE
// constraint failed: t.a, t.b (2067)".
func names(message, prefix string) string {
	_, names, found := strings.Cut(message, prefix)
	if !found {
		return ""
	}
	if i := strings.LastIndex(names, " ("); i >= 0 {
		names = names[:i]
	}
	return names
}

// columns splits "t.a, t.b" into "t" and "a, b".
func columns(names string) (table, joined string) {
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
