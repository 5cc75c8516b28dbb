package held_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
	"github.com/openhands-go/server/dbmodule/migrate/internal/held"
)

func TestLeft(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dialect    *sqlscan.Dialect
		statements string
		want       string
	}{
		"nothing":           {sqlscan.MySQL, "CREATE TABLE a (id INT); INSERT INTO a VALUES (1); SET GLOBAL max_connections = 5; SET TRANSACTION READ ONLY", "[] [] []"},
		"settings":          {sqlscan.MySQL, "SET sql_mode = '', @@SESSION.time_zone = '+00:00'; SET SQL_MODE = 'ANSI'; SET NAMES latin1", "[sql_mode time_zone names] [] []"},
		"settings of rows":  {sqlscan.MySQL, "SET foreign_key_checks = (SELECT 0)", "[foreign_key_checks] [] []"},
		"variables":         {sqlscan.MySQL, "SET @p = 5; SELECT 1 INTO @Q", "[] [@p @q] []"},
		"a database":        {sqlscan.MySQL, "USE other", "[] [] [the setting of USE other]"},
		"a temporary table": {sqlscan.MySQL, "CREATE TEMPORARY TABLE a (id INT)", "[] [] [the temporary table a]"},
		"one that went":     {sqlscan.MySQL, "CREATE TEMPORARY TABLE a (id INT); DROP TEMPORARY TABLE a", "[] [] []"},
		"a pragma":          {sqlscan.SQLite, "PRAGMA ignore_check_constraints = on", "[] [] [the setting of PRAGMA ignore_check_constraints]"},
		"a dump's beginning": {
			sqlscan.PostgreSQL, "SET statement_timeout = 0; SELECT pg_catalog.set_config('search_path', '', false)",
			"[statement_timeout] [] [the setting of SELECT pg_catalog]",
		},
		"a transaction's": {sqlscan.PostgreSQL, "SET LOCAL lock_timeout = 0", "[] [] []"},
		"a role":          {sqlscan.PostgreSQL, "SET ROLE owner", "[role] [] []"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := held.Left(test.dialect, strings.Split(test.statements, "; "))
			if got := fmt.Sprint(left.Settings, left.Variables, left.Others); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			if left.None() != (test.want == "[] [] []") {
				t.Errorf("None() of %v is %t", left, left.None())
			}
		})
	}
}
