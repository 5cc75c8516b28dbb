package engine_test

import (
	"database/sql/driver"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	mysqlengine "github.com/openhands-go/server/dbmodule/internal/engine/mysql"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
)

type liteError string

func (e liteError) Error() string { return string(e) }
func (e liteError) Code() int     { return 2067 }

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		of    dburl.Engine
		judge engine.Judge
		err   error
		want  string
	}{
		{
			dburl.PostgreSQL, postgres.Judge,
			&pgconn.PgError{Severity: "ERROR", Code: "23505", Message: `duplicate key value violates unique constraint "uq_email"`, TableName: "users", ConstraintName: "uq_email"},
			`dbmodule: unique constraint "uq_email" violated in table "users": ERROR: duplicate key value violates unique constraint "uq_email" (SQLSTATE 23505)`,
		},
		{
			dburl.PostgreSQL, postgres.Judge,
			&pgconn.PgError{Code: "23505", Message: "doppelter Schlüsselwert", Detail: `Schlüssel »("E-Mail", tenant_id)=(x, 1)« existiert bereits.`},
			`dbmodule: unique constraint on "E-Mail, tenant_id" violated: : doppelter Schlüsselwert (SQLSTATE 23505)`,
		},
		{
			dburl.PostgreSQL, postgres.Judge,
			&pgconn.PgError{Severity: "ERROR", Code: "22003", Message: `value "ann" is out of range for type integer`},
			`dbmodule: value not accepted: ERROR: value '…' is out of range for type integer (SQLSTATE 22003)`,
		},
		{
			dburl.MySQL, mysqlengine.Judge,
			&mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'x' for key 'ann' for key 'uq_email'"},
			`dbmodule: unique constraint "uq_email" violated: Error 1062: Duplicate entry '…' for key 'uq_email'`,
		},
		{
			dburl.MySQL, mysqlengine.Judge,
			&mysql.MySQLError{Number: 1366, Message: "Incorrect integer value: 'x' for column 'ann' at row 1' for column `app`.`t`.`n` at row 1"},
			"dbmodule: value not accepted for \"n\" in table \"t\": Error 1366: Incorrect integer value: '…' for column `app`.`t`.`n` at row 1",
		},
		{
			dburl.SQLite, sqlite.Judge, liteError("constraint failed: UNIQUE constraint failed: t.a, t.b (2067)"),
			`dbmodule: unique constraint on "a, b" violated in table "t": constraint failed: UNIQUE constraint failed: t.a, t.b (2067)`,
		},
		{dburl.MySQL, mysqlengine.Judge, driver.ErrBadConn, "dbmodule: database unavailable: the connection was lost"},
	} {
		_, err := test.judge.Typed(test.of, test.err)
		assert.EqualError(t, err, test.want)
	}
}
