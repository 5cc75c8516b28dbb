package autogen_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// besideWork is besideTitle with other names.
type besideWork struct {
	bun.BaseModel `bun:"table:works"`
	ID            int64  `bun:",pk,autoincrement"`
	Name          string `bun:"type:varchar(80),notnull"`
	Pages         *int64
}

func (*besideWork) Unmanaged() dbmodule.Unmanaged {
	return dbmodule.Unmanaged{Columns: []string{"dba_*"}, Indexes: []string{"dba_*"}}
}

// besideWorkLonger also needs the table to be made again on SQLite.
type besideWorkLonger struct {
	bun.BaseModel `bun:"table:works"`
	ID            int64  `bun:",pk,autoincrement"`
	Name          string `bun:"type:varchar(80),notnull"`
	Pages         int64  `bun:",notnull,default:0"`
}

func (*besideWorkLonger) Unmanaged() dbmodule.Unmanaged { return (*besideWork)(nil).Unmanaged() }

type besideTitle struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64  `bun:",pk,autoincrement"`
	Title         string `bun:"type:varchar(80),notnull"`
	Pages         *int64
}

// besideRenamed are statements by hand on a table that is renamed.
func besideRenamed(engine dbmodule.Engine) []string {
	out := []string{"ALTER TABLE books ADD COLUMN dba_note varchar(20) DEFAULT 'x'", "CREATE INDEX dba_ix ON books (pages)"}
	switch engine {
	case dbmodule.PostgreSQL:
		return append(out, "CREATE INDEX ix_part ON books (lower(title))", "ALTER TABLE books ADD COLUMN made text GENERATED ALWAYS AS (title || '!') STORED",
			"COMMENT ON TABLE books IS 'the DBA was here'", "COMMENT ON COLUMN books.title IS 'and here'")
	case dbmodule.MySQL:
		return append(out, "CREATE INDEX ix_part ON books (title(10))", "ALTER TABLE books ADD COLUMN made varchar(90) GENERATED ALWAYS AS (concat(title, '!')) STORED",
			"ALTER TABLE books COMMENT 'the DBA was here'", "ALTER TABLE books MODIFY title varchar(80) NOT NULL COMMENT 'and here'")
	}
	return append(out, "CREATE INDEX ix_part ON books (lower(title))", "ALTER TABLE books ADD COLUMN made text GENERATED ALWAYS AS (title || '!') VIRTUAL")
}

// What models can't express, and what they declare as unmanaged, is left alone in a
// table and beside a column that get other names, too.
func TestBesideARename(t *testing.T) {
	t.Parallel()
	hints := []autogen.Rename{{From: "books", To: "works"}, {From: "books.title", To: "name"}}
	for name, model := range map[string]any{"alone": (*besideWork)(nil), "with another change": (*besideWorkLonger)(nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, nil, func(t *testing.T, d database) {
				models := []any{model}
				known := realm(t, d.engine, (*besideTitle)(nil))
				migrate(t, d, compare(t, d.engine, realm(t, d.engine), known).Up)
				migrateEach(t, d, append(besideRenamed(d.engine), "INSERT INTO books (title, pages, dba_note) VALUES ('a', 1, 'kept')"))
				draft := compareLive(t, d, known, hints, models)
				if name == "alone" && slices.ContainsFunc(draft.Up, func(s string) bool { return !strings.Contains(s, " RENAME ") }) {
					t.Errorf("drafted %q", draft.Up)
				}
				for _, statement := range slices.Concat(draft.Up, draft.Down) {
					if strings.Contains(statement, "title") && !strings.Contains(statement, " RENAME ") {
						t.Errorf("drafted %q, where the column has its new name", statement)
					}
				}
				for _, want := range []string{"table works: column made is left alone", "table works: index ix_part is left alone"} {
					if !strings.Contains(leftText(draft), want) {
						t.Errorf("%q is not in %s", want, leftText(draft))
					}
				}
				migrateDraft(t, d, draft.Up, draft.Down)
				if n := count(t, d, "SELECT count(*) FROM works WHERE name = 'a' AND pages = 1 AND dba_note = 'kept' AND made = 'a!'"); n != 1 {
					t.Errorf("%d rows are as before the way up", n)
				}
				if d.engine != dbmodule.SQLite { // there the runner puts indexes back
					if got := compareLive(t, d, nil, nil, models); !got.Empty() {
						t.Errorf("after the way up drafted %q", got.Up)
					}
				}
				migrateDraft(t, d, draft.Down, draft.Up)
				if n := count(t, d, "SELECT count(*) FROM books WHERE title = 'a' AND pages = 1 AND dba_note = 'kept' AND made = 'a!'"); n != 1 {
					t.Errorf("%d rows are as before the way down", n)
				}
				unquoted := func(draft autogen.Draft) string { return strings.ReplaceAll(strings.Join(draft.Up, "\n"), `"`, "") }
				if got := compareLive(t, d, known, hints, models); unquoted(got) != unquoted(draft) {
					t.Errorf("drafted\n%s\nand after a way up and down\n%s", unquoted(draft), unquoted(got))
				}
			})
		})
	}
}
