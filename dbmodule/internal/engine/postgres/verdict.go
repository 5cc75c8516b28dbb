package postgres

import (
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Judge says what an error of pgx means. It has the type engine.Judge.
func Judge(err error) engine.Verdict {
	var attempt *pgconn.ConnectError
	connecting := errors.As(err, &attempt) || engine.Dialling(err)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		v := judgeServer(pg)
		if attempt != nil {
			v.Text = attemptText(attempt)
		}
		return v.ByCaller(err, connecting)
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return engine.Verdict{Kind: dberr.ErrPendingRollback, Answered: true}.ByCaller(err, false)
	}
	v := engine.Network(err, pgconn.ErrConnClosed)
	if attempt != nil {
		v.Kind, v.Text = dberr.ErrUnavailable, attemptText(attempt)
	}
	if refusedHandshake(err, attempt) {
		v.Kind = dberr.ErrAccessDenied
	}
	return v.ByCaller(err, connecting)
}

// attemptText is the text of an attempt to connect on one line. pgx tries each address
// with TLS and, where the URL lets it, without, and tells of each: what was said before
// is left out, and that the server has no TLS where it was asked without it, too.
func attemptText(attempt *pgconn.ConnectError) string {
	first, rest, _ := strings.Cut(attempt.Error(), "\n\t")
	var causes, withoutTLS []string
	for cause := range strings.SplitSeq(rest, "\n\t") {
		cause = strings.ReplaceAll(cause, "\n", "; ")
		switch {
		case strings.Contains(cause, refusedTLS):
			withoutTLS = append(withoutTLS, cause)
		case !slices.Contains(causes, cause):
			causes = append(causes, cause)
		}
	}
	if len(causes) == 0 {
		causes = slices.Compact(withoutTLS)
	}
	return strings.TrimSpace(strings.ReplaceAll(first, "\n", "; ") + " " + strings.Join(causes, "; "))
}

// refusedTLS is what pgx says of a server that has no TLS.
const refusedTLS = "server refused TLS connection"

// refusedHandshake tells what stops client and server from coming together
// however often they try. With several addresses, all must have refused.
func refusedHandshake(err error, attempt *pgconn.ConnectError) bool {
	if attempt == nil {
		return engine.RefusedTLS(err)
	}
	attempts := []error{attempt.Unwrap()}
	if joined, ok := attempts[0].(interface{ Unwrap() []error }); ok { // each of them is looked at
		attempts = joined.Unwrap()
	}
	for _, one := range attempts {
		if !engine.RefusedTLS(one) && !refusedByPgx(one) {
			return false
		}
	}
	return true
}

// refusedByPgx tells refusals that pgx has no type for.
func refusedByPgx(err error) bool {
	text := err.Error()
	return strings.Contains(text, refusedTLS) ||
		strings.Contains(text, "channel binding") || strings.Contains(text, "SCRAM")
}

// judgeServer reads the SQLSTATE: its five characters first, then its class,
// the first two of them.
func judgeServer(pg *pgconn.PgError) engine.Verdict {
	fatal := fatal(pg)
	v := engine.Verdict{
		Kind: kind(pg), Code: pg.Code,
		Constraint: pg.ConstraintName, Table: pg.TableName, Column: pg.ColumnName,
		Text:             text(pg),
		LosesTransaction: fatal,
		LosesConnection:  fatal || pg.Code == "25006",
		Answered:         !ambiguous(pg),
	}
	v.Outdated = outdated(pg, v.Kind)
	// A foreign key's detail names the columns of the row that was written, if
	// that one is refused, and else those of the row that others refer to.
	written := v.Kind == dberr.ErrUnique || v.Kind == dberr.ErrForeignKey && strings.HasPrefix(pg.Message, "insert or update on table ")
	if v.Column == "" && written && pg.Routine != "exec_stmt_raise" {
		v.Column = keyColumns(pg.Detail)
	}
	return v
}

// keyColumns returns "a, b" of the detail "Key (a, b)=(1, 2) already exists.",
// whose first parentheses hold the names in every language. It returns "" for
// a key that is not made of plain columns.
func keyColumns(detail string) string {
	_, rest, _ := strings.Cut(detail, "(")
	list, _, found := strings.Cut(rest, ")=(")
	if !found {
		return ""
	}
	names := strings.Split(list, ", ")
	for i, name := range names {
		if len(name) > 2 && name[0] == '"' && name[len(name)-1] == '"' {
			name = strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
		} else if strings.ContainsAny(name, `"() :'`) {
			return ""
		}
		names[i] = name
	}
	return strings.Join(names, ", ")
}

// ambiguous tells the errors after which a COMMIT may have been carried out: the
// server process ended before it could say.
func ambiguous(pg *pgconn.PgError) bool {
	return pg.Code == "40003" || strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P")
}

// outdated reads class 42, which is about names and types, and class 22, which is about
// values: a column that got another type does not fit the parameter that was made for
// it, which is still read as what the column was.
func outdated(pg *pgconn.PgError, kind error) engine.Outdated {
	switch {
	case pg.Code == "26000": // the server has none of them
		return engine.AllOutdated
	case strings.HasPrefix(pg.Code, "42"), strings.HasPrefix(pg.Code, "22"),
		pg.Code == "0A000" && kind == dberr.ErrConflict:
		return engine.OneOutdated
	}
	return engine.NoneOutdated
}

func kind(pg *pgconn.PgError) error {
	switch pg.Code {
	case "23505", "23P01": // unique, exclusion
		return dberr.ErrUnique
	case "23503", "23001": // foreign key, RESTRICT
		return dberr.ErrForeignKey
	case "23514", "44000": // check, WITH CHECK OPTION of a view
		return dberr.ErrCheck
	case "23502":
		return dberr.ErrNotNull
	case "40003": // CockroachDB says so for a COMMIT that it lost track of
		return dberr.ErrCommitUnknown
	case "55P03", // lock_timeout, NOWAIT
		"26000": // somebody threw prepared statements away
		return dberr.ErrConflict
	case "0A000":
		// A prepared statement whose table changed. The driver forgets it, so
		// that the next attempt prepares it again.
		if pg.Routine == "RevalidateCachedQuery" || strings.HasPrefix(pg.Message, "cached plan must not change") {
			return dberr.ErrConflict
		}
		return nil
	case "57014", "25P04": // cancelled or statement_timeout, transaction_timeout
		return dberr.ErrTimeout
	case "57P04", "3D000": // dropped while connected, never there
		return dberr.ErrNoDatabase
	case "57P01", "57P02", "57P03", "57P05", "25P03":
		return dberr.ErrUnavailable
	case "53100":
		return dberr.ErrDiskFull
	case "25006":
		return dberr.ErrReadOnly
	case "25P02": // an earlier statement of the transaction failed
		return dberr.ErrPendingRollback
	case "42501": // insufficient privilege
		return dberr.ErrAccessDenied
	case "XX001", "XX002":
		return dberr.ErrCorrupt
	case "08P01":
		// From the server it is a message that it can't take, from PgBouncer
		// most of what stops it, always FATAL.
		if !fatalSeverity(pg) {
			return dberr.ErrValue
		}
		return dberr.ErrUnavailable
	}
	return kindOfClass(pg.Code)
}

// kindOfClass is what the first two characters of a code say.
func kindOfClass(code string) error {
	if len(code) != 5 {
		return nil
	}
	switch code[:2] {
	case "22", "54": // data exception, limit of the program
		return dberr.ErrValue
	case "40":
		return dberr.ErrConflict
	case "08", "53", "58": // connection, resources, system
		return dberr.ErrUnavailable
	case "28":
		return dberr.ErrAccessDenied
	}
	return nil
}

// fatal tells errors with which the server ends the connection.
func fatal(pg *pgconn.PgError) bool {
	switch pg.Code {
	case "57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04":
		return true
	case "08P01":
		return fatalSeverity(pg)
	}
	return strings.HasPrefix(pg.Code, "08") || fatalSeverity(pg)
}

func fatalSeverity(pg *pgconn.PgError) bool {
	severity := pg.SeverityUnlocalized
	if severity == "" {
		severity = pg.Severity // servers before 9.6
	}
	return severity == "FATAL" || severity == "PANIC"
}

// text is the message without values. Those stand in the detail,
// which is left out, in the messages about values and in whatever an
// application's own functions raise.
func text(pg *pgconn.PgError) string {
	message := pg.Message
	switch {
	case pg.Routine == "exec_stmt_raise":
		message = "raised by a function"
	case strings.HasPrefix(pg.Code, "22"):
		message = engine.WithoutQuoted(message)
		if before, _, found := strings.Cut(message, " 0x"); found { // the bytes of broken text
			message = before + " …"
		}
	case kind(pg) == nil:
		message = engine.WithoutQuoted(message)
	}
	return pg.Severity + ": " + message + " (SQLSTATE " + pg.Code + ")"
}
