package autogen_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

type (
	card struct {
		bun.BaseModel `bun:"table:cards"`

		ID     int64  `bun:",pk,autoincrement"`
		Name   string `bun:"type:varchar(20)"`
		NextID int64
		Next   *card `bun:"rel:belongs-to,join:next_id=id"`
	}
	cardNotNull struct {
		bun.BaseModel `bun:"table:cards"`

		ID     int64  `bun:",pk,autoincrement"`
		Name   string `bun:"type:varchar(20),notnull,default:'?'"`
		NextID int64
		Next   *cardNotNull `bun:"rel:belongs-to,join:next_id=id"`
	}
	// A model that has the name that a rebuild of cards would use.
	newCard struct {
		bun.BaseModel `bun:"table:new_cards"`

		ID     int64 `bun:",pk"`
		CardID int64 `bun:",notnull"`
		Card   *card `bun:"rel:belongs-to,join:card_id=id,on_delete:CASCADE"`
	}
)

func sqliteWith(t *testing.T, models []any) database {
	t.Helper()
	whole := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	d := database{engine: dbmodule.SQLite, db: whole.DB(), whole: whole}
	migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, models...)).Up)
	return d
}

func count(t *testing.T, d database, query string) (n int) {
	t.Helper()
	if err := d.db.DB.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// What stands around a table that SQLite can't alter survives that it is made
// anew: views, children, triggers of other tables and the last number.
func TestRebuild(t *testing.T) {
	t.Parallel()
	old := []any{(*card)(nil), (*newCard)(nil)}
	d := sqliteWith(t, old)
	migrateEach(t, d, []string{
		"CREATE VIEW named AS SELECT id, name FROM cards",
		"CREATE VIEW counted AS SELECT COUNT(*) AS n FROM named",
		"CREATE TABLE log (what TEXT)",
		"CREATE TABLE stranger (id INTEGER PRIMARY KEY, card INTEGER REFERENCES cards (id))",
		"CREATE TRIGGER logged AFTER INSERT ON new_cards BEGIN INSERT INTO log SELECT name FROM cards WHERE id = NEW.card_id; END",
		"INSERT INTO cards (name) VALUES ('a')",
		"INSERT INTO cards (name, next_id) VALUES (NULL, 1)",
		"INSERT INTO cards (id, name) VALUES (50, 'last')",
		"DELETE FROM cards WHERE id = 50",
		"INSERT INTO new_cards (id, card_id) VALUES (1, 1)",
		"INSERT INTO stranger (id, card) VALUES (1, 2)",
	})
	now := realm(t, d.engine, (*cardNotNull)(nil), (*newCard)(nil))
	draft := compare(t, d.engine, realm(t, d.engine, old...), now)
	for _, statements := range [][]string{draft.Up, draft.Down, draft.Up} {
		for _, s := range statements {
			if strings.HasPrefix(s, "PRAGMA foreign_keys") {
				t.Errorf("%s: it does nothing in a transaction", s)
			}
		}
		migrate(t, d, statements)
		if n := count(t, d, "SELECT n FROM counted"); n != 2 {
			t.Errorf("the view finds %d rows", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM cards AS a JOIN cards AS b ON a.next_id = b.id"); n != 1 {
			t.Errorf("%d rows refer to one another", n)
		}
		for _, table := range []string{"new_cards", "stranger", "cards"} {
			var to string
			if err := d.db.DB.QueryRowContext(t.Context(), `SELECT "table" FROM pragma_foreign_key_list(?)`, table).Scan(&to); err != nil || to != "cards" {
				t.Errorf("%s refers to %q, %v", table, to, err)
			}
		}
		if _, err := d.db.ExecContext(t.Context(), "INSERT INTO new_cards (id, card_id) VALUES (2, 99)"); err == nil {
			t.Error("the foreign key of another table is not enforced")
		}
		if n := count(t, d, "PRAGMA legacy_alter_table"); n != 0 {
			t.Error("legacy_alter_table is on")
		}
	}
	migrateEach(t, d, []string{"INSERT INTO new_cards (id, card_id) VALUES (3, 1)", "INSERT INTO cards (name) VALUES ('new')"})
	if n := count(t, d, "SELECT COUNT(*) FROM log WHERE what = 'a'"); n != 2 {
		t.Errorf("the trigger of another table wrote %d rows, want 2", n)
	}
	if n := count(t, d, "SELECT MAX(id) FROM cards"); n != 51 {
		t.Errorf("the next number is %d, want 51", n)
	}
}

type (
	cardIndexed struct {
		bun.BaseModel `bun:"table:cards"`

		ID   int64  `bun:",pk,autoincrement"`
		Name string `bun:"type:varchar(20)"`
		Next int64
	}
	cardOtherIndexed struct {
		bun.BaseModel `bun:"table:cards"`

		ID   int64  `bun:",pk,autoincrement"`
		Name string `bun:"type:varchar(20),notnull,default:'?'"`
		Next int64
	}
)

func (cardIndexed) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "ix_gone", Columns: []string{"name"}}, {Name: "ix_same", Columns: []string{"next"}}}
}

func (cardOtherIndexed) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "ix_come", Columns: []string{"name"}}, {Name: "ix_same", Columns: []string{"next", "name"}}}
}

// A rebuild brings the models' indexes to what they should be and keeps those
// that no model knows.
func TestRebuildOfIndexes(t *testing.T) {
	t.Parallel()
	d := sqliteWith(t, []any{(*cardIndexed)(nil)})
	migrateEach(t, d, []string{"CREATE INDEX by_hand ON cards (name, id)"})
	draft := compare(t, d.engine, realm(t, d.engine, (*cardIndexed)(nil)), realm(t, d.engine, (*cardOtherIndexed)(nil)))
	const list = "SELECT group_concat(name || ':' || columns, ' ') FROM (SELECT name, (SELECT group_concat(name, ',') FROM pragma_index_info(l.name)) AS columns FROM pragma_index_list('cards') AS l ORDER BY name)"
	for i, step := range []struct {
		statements []string
		want       string
	}{
		{draft.Up, "by_hand:name,id ix_come:name ix_same:next,name"},
		{draft.Down, "by_hand:name,id ix_gone:name ix_same:next"},
	} {
		migrate(t, d, step.statements)
		var got string
		if err := d.db.DB.QueryRowContext(t.Context(), list).Scan(&got); err != nil || got != step.want {
			t.Errorf("step %d: %s, %v, want %s", i, got, err, step.want)
		}
	}
}

// An empty numbered table keeps its last number too.
func TestRebuildOfAnEmptyTable(t *testing.T) {
	t.Parallel()
	d := sqliteWith(t, []any{(*ticket)(nil)})
	migrateEach(t, d, []string{"INSERT INTO tickets (id) VALUES (9)", "DELETE FROM tickets"})
	draft := compare(t, d.engine, realm(t, d.engine, (*ticket)(nil)), realm(t, d.engine, (*ticketNotNull)(nil)))
	migrate(t, d, draft.Up)
	migrateEach(t, d, []string{"INSERT INTO tickets (name) VALUES ('a')"})
	if n := count(t, d, "SELECT id FROM tickets"); n != 10 {
		t.Errorf("the next number is %d, want 10", n)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM sqlite_sequence WHERE name NOT LIKE 'alembic_%'"); n != 1 {
		t.Errorf("%d numbers are kept, want 1", n)
	}
}

// A rename reaches views and triggers, in which SQLite changes the name.
func TestRenameReachesViews(t *testing.T) {
	t.Parallel()
	d := sqliteWith(t, thing[number]())
	migrateEach(t, d, []string{
		"INSERT INTO things (id, v) VALUES (1, 5)",
		"CREATE VIEW seen AS SELECT v FROM things",
		"CREATE TRIGGER doubled AFTER INSERT ON things BEGIN UPDATE things SET v = 2 * v WHERE id = NEW.id; END",
	})
	draft := compare(t, d.engine, realm(t, d.engine, thing[number]()...), realm(t, d.engine, thing[renamedNumber]()...), autogen.Rename{From: "things.v", To: "amount"})
	migrate(t, d, draft.Up)
	migrateEach(t, d, []string{"INSERT INTO things (id, amount) VALUES (2, 5)"})
	if n := count(t, d, "SELECT COUNT(*) FROM things AS t JOIN seen ON t.id = 2 AND t.amount = 10"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// Where SQLite can alter a table it is not made anew.
func TestNoRebuildWithoutNeed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"nullable column added", "not null column with a default added", "JSON column added", "column dropped", "column renamed",
		"index added", "index altered under its name", "condition altered under its name", "unique added", "unique to a group",
		"column in an index and a check dropped", "column in a condition renamed", "column of a foreign key renamed", "table renamed",
	} {
		c := changeNamed(t, name)
		draft := compare(t, dbmodule.SQLite, realm(t, dbmodule.SQLite, c.old...), realm(t, dbmodule.SQLite, c.new...), c.hints(t)...)
		isRebuild := func(s string) bool { return strings.HasPrefix(s, "CREATE TABLE") }
		if slices.ContainsFunc(draft.Up, isRebuild) {
			t.Errorf("%s:\n%s", name, strings.Join(draft.Up, "\n"))
		}
	}
}
