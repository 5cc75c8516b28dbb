package held_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
	"github.com/openhands-go/server/dbmodule/migrate/internal/held"
)

// Each case is statements, "|" where the session was lost, and then what is
// repeated or what is missing.
func TestResume(t *testing.T) {
	t.Parallel()
	const free = ""
	for name, test := range map[string]struct {
		dialect    *sqlscan.Dialect
		statements string
		repeat     string
		loss       string
	}{
		"DDL":                             {sqlscan.MySQL, "CREATE TABLE a (id INT); INSERT INTO a VALUES (1) | CREATE TABLE b (id INT); INSERT INTO b VALUES (1)", "[]", free},
		"a setting":                       {sqlscan.MySQL, "SET foreign_key_checks = 0; CREATE TABLE a (id INT) | CREATE TABLE b (id INT)", "[0]", free},
		"a dump's settings":               {sqlscan.MySQL, "/*!40101 SET @OLD_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */; /*!40101 SET NAMES utf8mb4 */; CREATE TABLE a (id INT) | /*!40101 SET SQL_MODE=@OLD_MODE */", "[0 1]", free},
		"another database":                {sqlscan.MySQL, "USE other; CREATE TABLE a (id INT) | CREATE TABLE b (id INT)", "[0]", free},
		"the last id in a variable":       {sqlscan.MySQL, "INSERT INTO p VALUES (1); SET @p = LAST_INSERT_ID() | CREATE TABLE o (x INT); INSERT INTO c VALUES (@P)", "[]", "1 3 the variable @p"},
		"a variable nobody needs":         {sqlscan.MySQL, "INSERT INTO p VALUES (1); SET @p = LAST_INSERT_ID(); INSERT INTO c VALUES (@p) | CREATE TABLE o (x INT); INSERT INTO o VALUES (1)", "[]", free},
		"a variable set anew":             {sqlscan.MySQL, "SET @p = (SELECT max(id) FROM a); SET @p = 5 | INSERT INTO c VALUES (@p)", "[1]", free},
		"a variable of a lost one":        {sqlscan.MySQL, "SET @p = UUID(); SET @q = CONCAT(@p, 'x') | INSERT INTO c VALUES (@q)", "[]", "1 2 the variable @q"},
		"a variable by SELECT":            {sqlscan.MySQL, "SELECT max(id), 1 INTO @p, @q FROM a; CREATE TABLE b (x INT) | UPDATE b SET x = @q", "[]", "0 2 the variable @q"},
		"a variable by :=":                {sqlscan.MySQL, "UPDATE a SET id = (@n := @n + 1) | UPDATE b SET id = (@n := @n + 1)", "[]", "0 1 the variable @n"},
		"a setting from rows":             {sqlscan.MySQL, "SET SESSION sql_mode = (SELECT m FROM modes) | CREATE TABLE b (x INT)", "[]", "0 1 the setting sql_mode"},
		"a global setting":                {sqlscan.MySQL, "SET GLOBAL max_connections = 5 | CREATE TABLE b (x INT)", "[]", free},
		"the last id":                     {sqlscan.MySQL, "INSERT INTO p VALUES (1); CREATE TABLE b (x INT) | INSERT INTO c VALUES (LAST_INSERT_ID())", "[]", "0 2 LAST_INSERT_ID of that statement"},
		"the last id as setting":          {sqlscan.MySQL, "INSERT INTO p VALUES (1); CREATE TABLE b (x INT) | INSERT INTO c VALUES (@@identity)", "[]", "0 2 IDENTITY of that statement"},
		"the last id, none before":        {sqlscan.MySQL, "CREATE TABLE b (x INT) | INSERT INTO p VALUES (1); INSERT INTO c VALUES (LAST_INSERT_ID())", "[]", free},
		"the last id in a program":        {sqlscan.MySQL, "INSERT INTO p VALUES (1) | CREATE PROCEDURE p() SELECT LAST_INSERT_ID()", "[]", free},
		"rows counted":                    {sqlscan.MySQL, "DELETE FROM a | INSERT INTO c VALUES (ROW_COUNT())", "[]", "0 1 ROW_COUNT of that statement"},
		"rows found":                      {sqlscan.MySQL, "SELECT SQL_CALC_FOUND_ROWS * FROM a LIMIT 1 | INSERT INTO c VALUES (FOUND_ROWS())", "[]", "0 1 FOUND_ROWS of that statement"},
		"a temporary table":               {sqlscan.MySQL, "CREATE TEMPORARY TABLE IF NOT EXISTS `Tmp` AS SELECT 1; CREATE TABLE b (x INT) | INSERT INTO b SELECT * FROM tmp", "[]", "0 2 the temporary table tmp"},
		"a temporary table gone":          {sqlscan.MySQL, "CREATE TEMPORARY TABLE tmp (x INT); DROP TEMPORARY TABLE tmp | CREATE TABLE tmp (x INT)", "[]", free},
		"a prepared statement":            {sqlscan.MySQL, "PREPARE s FROM 'SELECT 1' | EXECUTE s", "[]", "0 1 the prepared statement s"},
		"tables locked":                   {sqlscan.MySQL, "LOCK TABLES a WRITE; INSERT INTO a VALUES (1) | INSERT INTO a VALUES (2); UNLOCK TABLES", "[]", "0 2 LOCK TABLES"},
		"tables unlocked":                 {sqlscan.MySQL, "LOCK TABLES a WRITE; INSERT INTO a VALUES (1); UNLOCK TABLES | INSERT INTO a VALUES (2)", "[]", free},
		"a lock":                          {sqlscan.MySQL, "SELECT GET_LOCK('x', 1) | INSERT INTO a VALUES (2)", "[]", "0 1 the lock of GET_LOCK()"},
		"a call":                          {sqlscan.MySQL, "CALL fill() | INSERT INTO a VALUES (2)", "[]", "0 1 what CALL may have left there"},
		"a call before DDL":               {sqlscan.MySQL, "CALL fill() | CREATE TABLE b (x INT)", "[]", free},
		"a handler":                       {sqlscan.MySQL, "HANDLER a OPEN | HANDLER a READ FIRST", "[]", "0 1 an open HANDLER"},
		"what a trigger may read":         {sqlscan.MySQL, "SET @who = USER() | CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET new.who = 1; INSERT INTO a VALUES (1)", "[]", "0 2 the variable @who"},
		"PostgreSQL's settings":           {sqlscan.PostgreSQL, "SET search_path = x; SELECT pg_catalog.set_config('a.b', 'c', false); SET LOCAL x = 1; RESET ALL; CREATE TABLE a (id int) | CREATE INDEX CONCURRENTLY ix ON a (id)", "[0 1 3]", free},
		"a setting of rows":               {sqlscan.PostgreSQL, "SELECT set_config('a.b', x, false) FROM y | CREATE INDEX CONCURRENTLY ix ON a (id)", "[]", "0 1 a setting of set_config()"},
		"a temporary table of PostgreSQL": {sqlscan.PostgreSQL, "CREATE TEMP TABLE tmp (id int) | VACUUM; INSERT INTO a SELECT * FROM tmp", "[]", "0 2 the temporary table tmp"},
		"SELECT INTO TEMP":                {sqlscan.PostgreSQL, "SELECT 1 INTO TEMP tmp | INSERT INTO a SELECT * FROM tmp", "[]", "0 1 the temporary table tmp"},
		"a sequence's value":              {sqlscan.PostgreSQL, "INSERT INTO a DEFAULT VALUES | INSERT INTO b VALUES (currval('a_id_seq'))", "[]", "0 1 CURRVAL of that statement"},
		"a session's lock":                {sqlscan.PostgreSQL, "SELECT pg_advisory_lock(1) | INSERT INTO a VALUES (1)", "[]", "0 1 the lock of PG_ADVISORY_LOCK()"},
		"DO":                              {sqlscan.PostgreSQL, "DO $$ BEGIN SET search_path = x;END $$ | INSERT INTO a VALUES (1)", "[]", "0 1 what DO may have left there"},
		"DO with rows":                    {sqlscan.PostgreSQL, "DO $$ BEGIN UPDATE a SET x = 1;END $$ | INSERT INTO a VALUES (1)", "[]", free},
		"SQLite's pragmas":                {sqlscan.SQLite, "PRAGMA legacy_alter_table = on; ATTACH 'x' AS y; CREATE TABLE a (x) | VACUUM", "[0 1]", free},
		"a temporary table of SQLite":     {sqlscan.SQLite, "CREATE TEMP TABLE tmp (x) | INSERT INTO a SELECT * FROM tmp", "[]", "0 1 the temporary table tmp"},
		"the last row":                    {sqlscan.SQLite, "INSERT INTO a VALUES (1) | INSERT INTO b VALUES (last_insert_rowid())", "[]", "0 1 LAST_INSERT_ROWID of that statement"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after, _ := strings.Cut(test.statements, " | ")
			done := strings.Split(before, "; ")
			repeat, loss := held.Resume(test.dialect, append(done, strings.Split(after, "; ")...), len(done), false)
			got := ""
			if loss != nil {
				got = fmt.Sprint(loss.Made, loss.Needed, " ", loss.What)
			}
			if got != test.loss {
				t.Errorf("lost %q, want %q", got, test.loss)
			}
			if test.loss == free && fmt.Sprint(repeat) != test.repeat {
				t.Errorf("repeats %v, want %s", repeat, test.repeat)
			}
		})
	}
}
