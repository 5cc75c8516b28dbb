package dbmodule

import (
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// recognisePostgreSQL reads the SQLSTATE: its five characters first, then
// its class, the first two of them.
func recognisePostgreSQL(pg *pgconn.PgError) Error {
	e := Error{
		Kind: postgreSQLKind(pg), Code: pg.Code,
		Constraint: pg.ConstraintName, Table: pg.TableName, Column: pg.ColumnName,
	}
	// A foreign key's detail names the columns of the row that was written, if
	// that one is refused, and else those of the row that others refer to.
	written := e.Kind == ErrUnique || e.Kind == ErrForeignKey && strings.HasPrefix(pg.Message, "insert or update on table ")
	if e.Column == "" && written && pg.Routine != "exec_stmt_raise" {
		e.Column = keyColumns(pg.Detail)
	}
	return e
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

func postgreSQLKind(pg *pgconn.PgError) error {
	switch pg.Code {
	case "23505", "23P01": // unique, exclusion
		return ErrUnique
	case "23503", "23001": // foreign key, RESTRICT
		return ErrForeignKey
	case "23514", "44000": // check, WITH CHECK OPTION of a view
		return ErrCheck
	case "23502":
		return ErrNotNull
	case "40003": // CockroachDB says so for a COMMIT that it lost track of
		return ErrCommitUnknown
	case "55P03", // lock_timeout, NOWAIT
		"26000": // somebody threw prepared statements away
		return ErrConflict
	case "0A000":
		// A prepared statement whose table changed. The driver forgets it, so
		// that the next attempt prepares it again.
		if pg.Routine == "RevalidateCachedQuery" || strings.HasPrefix(pg.Message, "cached plan must not change") {
			return ErrConflict
		}
		return nil
	case "57014", "25P04": // cancelled or statement_timeout, transaction_timeout
		return ErrTimeout
	case "57P04", "3D000": // dropped while connected, never there
		return ErrNoDatabase
	case "57P01", "57P02", "57P03", "57P05", "25P03":
		return ErrUnavailable
	case "53100":
		return ErrDiskFull
	case "25006":
		return ErrReadOnly
	case "25P02": // an earlier statement of the transaction failed
		return ErrPendingRollback
	case "42501": // insufficient privilege
		return ErrAccessDenied
	case "XX001", "XX002":
		return ErrCorrupt
	case "08P01":
		// From the server it is a message that it can't take, from PgBouncer
		// most of what stops it, always FATAL.
		if !fatalSeverity(pg) {
			return ErrValue
		}
		return ErrUnavailable
	}
	if len(pg.Code) != 5 {
		return nil
	}
	switch pg.Code[:2] {
	case "22", "54": // data exception, limit of the program
		return ErrValue
	case "40":
		return ErrConflict
	case "08", "53", "58": // connection, resources, system
		return ErrUnavailable
	case "28":
		return ErrAccessDenied
	}
	return nil
}

// fatalPostgreSQL tells errors with which the server ends the connection.
func fatalPostgreSQL(pg *pgconn.PgError) bool {
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

// postgreSQLText is the message without values. Those stand in the detail,
// which is left out, in the messages about values and in whatever an
// application's own functions raise.
func postgreSQLText(pg *pgconn.PgError) string {
	message := pg.Message
	switch {
	case pg.Routine == "exec_stmt_raise":
		message = "raised by a function"
	case strings.HasPrefix(pg.Code, "22"):
		message = withoutQuoted(message)
		if before, _, found := strings.Cut(message, " 0x"); found { // the bytes of broken text
			message = before + " …"
		}
	case postgreSQLKind(pg) == nil:
		message = withoutQuoted(message)
	}
	return pg.Severity + ": " + message + " (SQLSTATE " + pg.Code + ")"
}
