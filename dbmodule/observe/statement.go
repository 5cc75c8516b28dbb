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

// Statement describes a statement that the database has answered, with all its
// rows if it returns any. BEGIN, COMMIT and ROLLBACK are statements too.
type Statement struct {
	Engine dburl.Engine
	// Session is the session's Session.ID, 0 outside a session.
	Session uint64
	Began   time.Time
	// Took includes the time that the caller spent between rows, but not the wait
	// for a connection.
	Took time.Duration
	// Waited is how long the database took for its answers: Took without the time
	// that the caller spent between rows.
	Waited time.Duration
	// Err is nil for a statement that succeeded.
	Err error

	query     string
	errorText func(error) string
	// shown is set if query and error may be shown with their values.
	shown bool
	// rows is the number of rows; counted says that the driver reported it.
	rows    int64
	counted bool
}

// WithQuery returns s with the SQL text that was sent, and with a function that
// returns an error's text without the values of rows. The methods of s hide the
// values in the SQL text.
func (s Statement) WithQuery(query string, errorText func(error) string) Statement {
	s.query, s.errorText, s.shown = query, errorText, false
	return s
}

// WithShownQuery is [Statement.WithQuery] for an observer that may show values,
// such as the statement log if DATABASE_ECHO_HIDE_PARAMETERS is off.
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

// Rows returns how many rows the statement returned or changed. ok is false if
// the statement failed or has no number of rows.
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

// Operation returns what the statement does: SELECT, INSERT, COMMIT or another
// of [Operations].
func (s Statement) Operation() string { return operationOf(dialect(s.Engine), s.query) }

// FirstWord returns the statement's first word in capitals, or "" if the
// statement does not begin with a word. Unlike [Statement.Operation] it can
// return any word.
func (s Statement) FirstWord() string {
	return strings.ToUpper(sqltext.FirstWord(dialect(s.Engine), s.query))
}

// Text returns the SQL text with a question mark in place of each value, cut to
// limit bytes. Each call builds the text again. For the statement log the text
// has its values if DATABASE_ECHO_HIDE_PARAMETERS is off.
func (s Statement) Text(limit int) string {
	if s.shown {
		return sqltext.Shortened(s.query, limit)
	}
	return sqltext.Masked(dialect(s.Engine), s.query, limit)
}

// ErrorText returns the text of Err without the values of rows, or "" if Err is
// nil. For the statement log the text has its values under the same condition as
// in [Statement.Text].
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

// longestPrinted is the most bytes of SQL text that String returns.
const longestPrinted = 1000

// String returns the text and the error as [Statement.Text] and
// [Statement.ErrorText] show them.
func (s Statement) String() string {
	if s.Err == nil {
		return s.Text(longestPrinted)
	}
	return s.Text(longestPrinted) + ": " + s.ErrorText()
}

// Format makes every verb of package fmt print what [Statement.String] returns.
// Without it %+v would print the values too.
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
