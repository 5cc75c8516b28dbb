package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What somebody gave a column of PostgreSQL stays when a revision changes its type,
// up and down, in a transaction and outside one.
func TestPostgresRetypedColumnKeepsWhatIsMadeByHand(t *testing.T) {
	t.Parallel()
	for name, marked := range map[string]string{"in a transaction": "", "outside one": "-- migrate:no-transaction\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
			m := newMigrator(t, source(
				folder{id: "a1", up: `CREATE TABLE t (id integer PRIMARY KEY, "V" varchar(20) NULL, w varchar(20) NULL, x varchar(20) COLLATE "C" NULL);`, down: "DROP TABLE t;"},
				folder{
					id: "b2", revises: "a1",
					up:   marked + `ALTER TABLE "t" ALTER COLUMN "V" TYPE varchar(40), ALTER COLUMN w TYPE text USING w || '', ALTER x TYPE text COLLATE "POSIX", ALTER id TYPE bigint;`,
					down: marked + `ALTER TABLE "t" ALTER COLUMN "V" TYPE varchar(20), ALTER COLUMN w TYPE varchar(20), ALTER x TYPE varchar(20) COLLATE "C", ALTER id TYPE integer;`,
				},
			))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(
				t, db, `CREATE COLLATION "By Hand" (locale = 'C')`,
				`ALTER TABLE t ALTER "V" TYPE varchar(20) COLLATE "By Hand", ALTER w TYPE varchar(20) COLLATE "C"`,
				`CREATE SEQUENCE t_id_seq AS integer OWNED BY t.id`, `ALTER TABLE t ALTER id SET DEFAULT nextval('t_id_seq')`,
				`INSERT INTO t ("V", w) VALUES ('a', 'B')`,
			)
			look := func(when, want string) {
				t.Helper()
				var got []string
				err := db.DB().NewRaw(`SELECT column_name || ' ' || data_type || ' ' || coalesce(collation_name, '') FROM information_schema.columns
WHERE table_name = 't' ORDER BY ordinal_position`).Scan(t.Context(), &got)
				if text := strings.Join(got, ", "); err != nil || text != want {
					t.Errorf("%s: %s, %v, want %s", when, text, err, want)
				}
			}
			const old = "id integer , V character varying By Hand, w character varying C, x character varying C"
			look("before", old)
			if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
				t.Fatal(err)
			}
			look("up", "id bigint , V character varying By Hand, w text C, x text POSIX")
			run(t, db, "SELECT setval('t_id_seq', 2147483647)", "INSERT INTO t (w) VALUES ('after the last integer')", "DELETE FROM t WHERE id > 2147483647")
			if _, err := m.Downgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			look("down", old)
		})
	}
}

// A type without a collation takes none, and a collation that the revision takes away
// goes.
func TestPostgresRetypedColumnLosesWhatTheRevisionTakes(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	m := newMigrator(t, source(
		folder{id: "a1", up: `CREATE TABLE t (v varchar(20) COLLATE "C", w text COLLATE "C");`, down: "DROP TABLE t;"},
		folder{
			id: "b2", revises: "a1",
			up:   `ALTER TABLE t ALTER v TYPE bigint USING v::bigint, ALTER w TYPE varchar(9);`,
			down: `ALTER TABLE t ALTER v TYPE varchar(20), ALTER w TYPE text COLLATE "C";`,
		},
	))
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM information_schema.columns WHERE table_name = 't' AND collation_name IS NULL"); n != 2 {
		t.Errorf("%d columns without a collation, want 2", n)
	}
}

func TestPrintedSQLSaysWhatANewTypeTakes(t *testing.T) {
	t.Parallel()
	m := newMigrator(t, source(
		folder{id: "a1", up: "CREATE TABLE t (v varchar(20), w varchar(20));", down: "DROP TABLE t;"},
		folder{id: "b2", revises: "a1", up: "ALTER TABLE t ALTER v TYPE text;", down: "ALTER TABLE t ALTER v TYPE varchar(20);"},
	))
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	for target, want := range map[string]int{"a1": 0, "b2": 1} {
		steps, err := m.PlanUpgrade(t.Context(), db.DB(), target)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := m.WriteSQL(&b, db, steps); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "keeps the collation"); n != want {
			t.Errorf("%s: %d notes, want %d\n%s", target, n, want, b.String())
		}
	}
}
