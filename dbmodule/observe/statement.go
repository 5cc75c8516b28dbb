package observe

import (
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
	// Err is nil for a statement that succeeded.
	Err error

	query     string
	errorText func(error) string
}

// WithQuery returns s with the text that was sent, and with a function that
// returns an error's text without the values of rows.
func (s Statement) WithQuery(query string, errorText func(error) string) Statement {
	s.query, s.errorText = query, errorText
	return s
}

// Operation names what the statement does: SELECT, INSERT, COMMIT and so on,
// one of [Operations].
func (s Statement) Operation() string { return operationOf(dialect(s.Engine), s.query) }

// Text returns the statement with a question mark in place of each value, cut to
// limit bytes. Each call makes it anew.
func (s Statement) Text(limit int) string {
	return sqltext.Masked(dialect(s.Engine), s.query, limit)
}

// ErrorText returns the text of Err without the values of rows, empty without
// an error.
func (s Statement) ErrorText() string {
	switch {
	case s.Err == nil:
		return ""
	case s.errorText == nil:
		return dberr.ErrorKind(s.Err)
	}
	return s.errorText(s.Err)
}

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
