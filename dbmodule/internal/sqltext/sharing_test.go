package sqltext_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

func TestSharingOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]sqltext.Sharing{
		"": sqltext.Harmless,
		`INSERT INTO t VALUES ('INSERT OR ROLLBACK', 'ATTACH', ' rollback ')`: sqltext.Harmless,
		`INSERT INTO "rollback" ("attach") VALUES (1) -- rollback`:            sqltext.Harmless,
		`INSERT OR IGNORE INTO t VALUES (1)`:                                  sqltext.Harmless,
		`SAVEPOINT a; ROLLBACK TO a; ROLLBACK TRANSACTION TO a`:               sqltext.Harmless,
		`UPDATE t SET attached = 1, rollbacks = 2`:                            sqltext.Harmless,
		`PRAGMA table_info(t)`:                                                sqltext.Harmless,

		`PRAGMA defer_foreign_keys = ON`:                sqltext.Defers,
		`select 1; pragma main.Defer_Foreign_Keys(1)`:   sqltext.Defers,
		`/* x */ PRAGMA /* y */ defer_foreign_keys=yes`: sqltext.Defers,

		`INSERT OR ROLLBACK INTO t VALUES (1)`:                                                       sqltext.Overrules,
		"insert/**/or--\nrollback into t values (1)":                                                 sqltext.Overrules,
		`UPDATE OR ROLLBACK t SET a = 1`:                                                             sqltext.Overrules,
		`WITH x AS (SELECT ';') INSERT OR ROLLBACK INTO t SELECT * FROM x`:                           sqltext.Overrules,
		`SELECT 1; UPDATE OR ROLLBACK t SET a = 1`:                                                   sqltext.Overrules,
		"\ufeffINSERT OR ROLLBACK INTO t VALUES (1)":                                                 sqltext.Overrules,
		`PRAGMA defer_foreign_keys = ON; INSERT OR ROLLBACK INTO t VALUES (1)`:                       sqltext.Overrules,
		`CREATE TABLE t (a INTEGER UNIQUE ON CONFLICT ROLLBACK)`:                                     sqltext.Undoes,
		`CREATE TEMP TRIGGER x BEFORE INSERT ON t BEGIN SELECT 1; SELECT RAISE(ROLLBACK, 'no'); END`: sqltext.Undoes,
		`CREATE TRIGGER x BEFORE INSERT ON t BEGIN INSERT OR ROLLBACK INTO u VALUES (1); END`:        sqltext.Undoes,
		`ATTACH 'other.db' AS other`:                                                                 sqltext.Undoes,
		`attach database 'other.db' as other`:                                                        sqltext.Undoes,
	} {
		assert.Equal(t, want, sqltext.SharingOf(sqltext.SQLite, text), text)
		if want == sqltext.Overrules {
			assert.Less(t, sqltext.SharingOf(sqltext.SQLite, sqltext.WithoutRollback(sqltext.SQLite, text)), sqltext.Overrules, text)
		}
	}
}

func TestWithoutRollback(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"INSERT OR ROLLBACK INTO t VALUES (' or rollback ')":                         "INSERT OR ABORT INTO t VALUES (' or rollback ')",
		"update or/* a */rollback t set a = 1; INSERT OR ROLLBACK INTO t VALUES (2)": "update or/* a */ABORT t set a = 1; INSERT OR ABORT INTO t VALUES (2)",
		"SELECT 1":       "SELECT 1",
		"ROLLBACK TO a;": "ROLLBACK TO a;",
	} {
		assert.Equal(t, want, sqltext.WithoutRollback(sqltext.SQLite, text))
	}
}
