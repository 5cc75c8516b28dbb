package dbmodule

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// driverText is the text of a driver's error without the values of rows.
func driverText(kind, err error) string {
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) {
		return strings.NewReplacer("\n\t", " ", "\n", "; ").Replace(refused.Error())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return postgreSQLText(pg)
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return mySQLText(kind, my)
	}
	var lite sqliteError
	if errors.As(err, &lite) {
		return sqliteText(lite)
	}
	return err.Error()
}

// textWithoutValues is the text of any error, for a log that must not show
// values. Those that have no type, such as a failed conversion, quote them.
func textWithoutValues(err error) string {
	var typed *Error
	if errors.As(err, &typed) {
		return typed.Error()
	}
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite sqliteError
	if errors.As(err, &pg) || errors.As(err, &my) || errors.As(err, &lite) {
		return driverText(nil, err)
	}
	return withoutQuoted(err.Error())
}

// withoutQuoted replaces everything from the first quotation mark to the last
// one. What is quoted may hold quotation marks of its own, which no server
// escapes, so nothing in between can be trusted. Servers that speak other
// languages use other marks.
func withoutQuoted(message string) string {
	const marks = "'\"«»‹›„“”‘’「」"
	start := strings.IndexAny(message, marks)
	if start < 0 {
		return message
	}
	end := strings.LastIndexAny(message, marks)
	if end <= start {
		return message[:start] + "…"
	}
	_, size := utf8.DecodeRuneInString(message[end:])
	return message[:start] + "'…'" + message[end+size:]
}
