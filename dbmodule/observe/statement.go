package observe

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Statement is a statement that has been answered, with all its rows if it has
// any. BEGIN, COMMIT and ROLLBACK are statements too.
type Statement struct {
	Engine dburl.Engine
	// Session is the session's Session.ID, 0 outside one.
	Session uint64
	Began   time.Time
	// Took includes what the caller did between rows, but no wait for a
	// connection.
	Took time.Duration
	// Waited is how long the database took for its answers: Took without what the
	// caller did between rows.
	Waited time.Duration
	// Err is nil for a statement that succeeded.
	Err error

	query     string
	errorText func(error) string
	// shown is set if query and error may be shown as they are.
	shown bool
	// rows is how many there are, counted says that they were counted.
	rows    int64
	counted bool
}

// WithQuery returns s with the text that was sent, and with a function that
// returns an error's text without the values of rows. Nobody who gets s learns
// the values in the text.
func (s Statement) WithQuery(query string, errorText func(error) string) Statement {
	s.query, s.errorText, s.shown = query, errorText, false
	return s
}

// WithShownQuery is WithQuery for an observer that may show values, such as the
// statement log where DATABASE_ECHO_HIDE_PARAMETERS is off.
func (s Statement) WithShownQuery(query string) Statement {
	s.query, s.errorText, s.shown = query, nil, true
	return s
}

// WithRows returns s with the number of rows that it returned or changed, as the
// driver counted them.
func (s Statement) WithRows(n int64) Statement {
	s.rows, s.counted = n, true
	return s
}

// Rows returns how many rows the statement returned or changed. ok is false for a
// statement that failed and for one that has no such number.
func (s Statement) Rows() (n int64, ok bool) {
	if !s.counted || s.Err != nil {
		return 0, false
	}
	switch s.Operation() {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "VALUES", "WITH":
		return s.rows, true
	}
	return 0, false // SQLite repeats the number of the statement before
}

// Operation names what the statement does: SELECT, INSERT, COMMIT and so on,
// one of [Operations].
func (s Statement) Operation() string { return operationOf(dialect(s.Engine), s.query) }

// FirstWord returns the word that the statement begins with, in capitals, empty
// if it begins with none. Unlike [Statement.Operation] it can be any word.
func (s Statement) FirstWord() string {
	return strings.ToUpper(sqltext.FirstWord(dialect(s.Engine), s.query))
}

// Text returns the statement with a question mark in place of each value, cut to
// limit bytes. Each call makes it anew. The statement log gets it with its values
// if DATABASE_ECHO_HIDE_PARAMETERS is off.
func (s Statement) Text(limit int) string {
	if s.shown {
		return sqltext.Shortened(s.query, limit)
	}
	return sqltext.Masked(dialect(s.Engine), s.query, limit)
}

// ErrorText returns the text of Err without the values of rows, empty without
// an error. The statement log gets it as [Statement.Text] says.
func (s Statement) ErrorText() string {
	switch {
	case s.Err == nil:
		return ""
	case s.shown:
		return s.Err.Error()
	case s.errorText == nil:
		return dberr.ErrorKind(s.Err)
	}
	return s.errorText(s.Err)
}

// longestPrinted bounds the statement in what String returns, in bytes.
const longestPrinted = 1000

// String returns the text and the error as [Statement.Text] and
// [Statement.ErrorText] show them.
func (s Statement) String() string {
	if s.Err == nil {
		return s.Text(longestPrinted)
	}
	return s.Text(longestPrinted) + ": " + s.ErrorText()
}

// Format has every verb of package fmt print what String returns: %+v would print
// the values too.
func (s Statement) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

func dialect(of dburl.Engine) sqltext.Dialect {
	switch of {
	case dburl.PostgreSQL:
		return sqltext.PostgreSQL
	case dburl.MySQL:
		return sqltext.MySQL
	default:
		return sqltext.SQLite
	}
}
