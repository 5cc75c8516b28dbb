package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// A revision that begins or ends a transaction would keep rows that the runner takes
// for undone, or lose rows that it counts as stored.
func TestScriptsBeginAndEndNoTransaction(t *testing.T) {
	t.Parallel()
	everywhere := map[string]bool{
		"COMMIT": true, "COMMIT WORK": true, "END": true, "END TRANSACTION": true, "BEGIN": true, "ROLLBACK": true, "ROLLBACK TRANSACTION": true, "commit work and chain": true,
		"COMMIT AND CHAIN": true, "ROLLBACK AND NO CHAIN": true, "START TRANSACTION": true, "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY": true,
		"ROLLBACK TO before": false, "ROLLBACK WORK TO SAVEPOINT before": false, "SAVEPOINT before": false, "RELEASE SAVEPOINT before": false, "SELECT 'COMMIT'": false,
	}
	tests := map[dbmodule.Engine]map[string]bool{
		dbmodule.SQLite: {"BEGIN IMMEDIATE": true, "BEGIN EXCLUSIVE TRANSACTION": true},
		dbmodule.PostgreSQL: {
			"ABORT": true, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE": true, "PREPARE TRANSACTION 'x'": true, "PREPARE p AS SELECT 1": false,
			"COMMIT PREPARED 'x'": false, "ROLLBACK PREPARED 'x'": false,
		},
		dbmodule.MySQL: {
			"START TRANSACTION WITH CONSISTENT SNAPSHOT": true, "COMMIT AND NO CHAIN RELEASE": true, "BEGIN WORK": true, "START REPLICA": false,
			"SET autocommit = 0": true, "SET @old = @@autocommit, SESSION AUTOCOMMIT := OFF": true, "SET @@session.autocommit='off'": true, "/*!40000 SET autocommit=0 */": true,
			"SET autocommit = 1": false, "SET @autocommit = 1, sql_mode = ''": false, "SET @old = @@autocommit": false,
			"BEGIN NOT ATOMIC SELECT 1; END": false,
		},
	}
	for engine, statements := range tests {
		for _, set := range []map[string]bool{everywhere, statements} {
			for text, want := range set {
				_, err := migrate.ParseScript(engine, "-- migrate:upgrade\nSELECT 1;\n"+text+";\n")
				if refused := err != nil && strings.Contains(err.Error(), "line 3") && strings.Contains(err.Error(), "transactions are begun and ended around revisions"); refused != want {
					t.Errorf("%s: %s: %v, want refused: %t", engine, text, err, want)
				}
			}
		}
	}
}

// A value that PostgreSQL adds to an enum can't be used in the same transaction.
func TestPostgresHintOfANewValue(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	history := func(mark string) *migrate.Migrator {
		return newMigrator(t, source(
			folder{id: "a1", up: "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (v mood);", down: "DROP TABLE t; DROP TYPE mood;"},
			folder{id: "b2", revises: "a1", up: mark + "ALTER TYPE mood ADD VALUE 'b';\nINSERT INTO t VALUES ('b');", down: "DELETE FROM t;"},
		))
	}
	_, err := history("").Upgrade(t.Context(), db, "head")
	if err == nil || !strings.Contains(err.Error(), `put the line "-- migrate:no-transaction" right before the ALTER TYPE`) {
		t.Fatal(err)
	}
	if _, err := history("-- migrate:no-transaction\n").Upgrade(t.Context(), db, "head"); err != nil {
		t.Error(err)
	}
}
