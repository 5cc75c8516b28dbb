package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What somebody gave a column of MariaDB stays when a revision restates it, up
// and down.
func TestMySQLRestatedColumnKeepsWhatIsMadeByHand(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	m := newMigrator(t, source(
		folder{id: "a1", ups: map[dbmodule.Engine]string{dbmodule.MySQL: "CREATE TABLE t (id bigint PRIMARY KEY, a varchar(20) NULL, at datetime(6) NULL);"}, down: "DROP TABLE t;"},
		folder{
			id: "b2", revises: "a1",
			ups: map[dbmodule.Engine]string{dbmodule.MySQL: "ALTER TABLE `t` MODIFY COLUMN `a` varchar(40) NULL;\nUPDATE `t` SET `a` = 'x' WHERE `a` IS NULL;\n" +
				"ALTER TABLE `t` MODIFY COLUMN `a` varchar(40) NOT NULL DEFAULT 'x', MODIFY COLUMN `at` datetime(3) NULL;"},
			down: "ALTER TABLE `t` MODIFY COLUMN `a` varchar(20) NULL, MODIFY COLUMN `at` datetime(6) NULL;",
		},
	))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	run(t, db,
		"ALTER TABLE t MODIFY id bigint AUTO_INCREMENT, MODIFY a varchar(20) COMPRESSED COLLATE utf8mb4_bin NULL COMMENT 'it''s pii' CHECK (a <> 'bad'), MODIFY at datetime(6) NULL INVISIBLE ON UPDATE current_timestamp(6)",
		"INSERT INTO t (a) VALUES ('One')")
	look := func(when string) {
		t.Helper()
		for _, query := range []string{
			"SELECT count(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = 'a' AND collation_name = 'utf8mb4_bin' AND column_comment = 'it''s pii'",
			"SELECT count(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = 'at' AND extra LIKE '%on update%' AND extra LIKE '%INVISIBLE%'",
			"SELECT count(*) FROM t WHERE a = 'One'",
		} {
			if n := count(t, db, query); n != 1 {
				t.Errorf("%s: %s is %d", when, query, n)
			}
		}
		var table, created string
		if err := db.DB().QueryRowContext(t.Context(), "SHOW CREATE TABLE t").Scan(&table, &created); err != nil || !strings.Contains(created, "COMPRESSED") {
			t.Errorf("%s: %v: it is not compressed: %s", when, err, created)
		}
		if _, err := db.DB().ExecContext(t.Context(), "INSERT INTO t (a) VALUES ('bad')"); err == nil {
			t.Errorf("%s: the check is gone", when)
		}
	}
	look("before")
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	look("up")
	if _, err := m.Downgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	look("down")
	run(t, db, "ALTER TABLE t DROP COLUMN a, ADD COLUMN a varchar(20) GENERATED ALWAYS AS (upper(id)) VIRTUAL")
	if _, err := m.Upgrade(t.Context(), db, "head"); err == nil || !strings.Contains(err.Error(), "column a of table t: it is a generated column") {
		t.Errorf("a generated column: %v", err)
	}
}

// A column that is restated IF EXISTS keeps what it has where it is there, and
// where its table is not there the statement does nothing, as MariaDB has it.
func TestMySQLRestatesOnlyWhatIsThere(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	m := newMigrator(t, source(
		folder{id: "a1", ups: map[dbmodule.Engine]string{dbmodule.MySQL: "CREATE TABLE t (id bigint PRIMARY KEY, a varchar(20) NULL);"}, down: "DROP TABLE t;"},
		folder{
			id: "b2", revises: "a1",
			ups: map[dbmodule.Engine]string{dbmodule.MySQL: "ALTER TABLE IF EXISTS t MODIFY COLUMN IF EXISTS a varchar(40) NOT NULL;\n" +
				"ALTER TABLE IF EXISTS elsewhere MODIFY COLUMN a varchar(40) NOT NULL;"},
			down: "ALTER TABLE IF EXISTS t MODIFY COLUMN IF EXISTS a varchar(20) NULL;\nALTER TABLE IF EXISTS elsewhere MODIFY COLUMN a varchar(20) NULL;",
		},
	))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	run(t, db, "ALTER TABLE t MODIFY a varchar(20) NULL COMMENT 'pii'")
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_type = 'varchar(40)' AND column_comment = 'pii'"); n != 1 {
		t.Error("the comment is gone")
	}
	if _, err := m.Downgrade(t.Context(), db, "a1"); err != nil {
		t.Error(err)
	}
}
