package autogen_test

import (
	"strings"
	"testing"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

type (
	bookCapital struct {
		bun.BaseModel `bun:"table:Books"`

		ID    int64  `bun:",pk"`
		Title string `bun:"Title,type:varchar(40),notnull,default:'',unique"`
	}
	bookSmall struct {
		bun.BaseModel `bun:"table:books"`

		ID    int64  `bun:",pk"`
		Title string `bun:"Title,type:varchar(40),notnull,default:'',unique"`
	}
	bookSmallTitle struct {
		bun.BaseModel `bun:"table:books"`

		ID    int64  `bun:",pk"`
		Title string `bun:"title,type:varchar(40),notnull,default:'',unique"`
	}
	chapter struct {
		bun.BaseModel `bun:"table:chapters"`

		ID     int64        `bun:",pk"`
		BookID int64        `bun:",notnull"`
		Book   *bookCapital `bun:"rel:belongs-to,join:book_id=id"`
	}
	chapterSmall struct {
		bun.BaseModel `bun:"table:chapters"`

		ID     int64      `bun:",pk"`
		BookID int64      `bun:",notnull"`
		Book   *bookSmall `bun:"rel:belongs-to,join:book_id=id"`
	}
	chapterSmallTitle struct {
		bun.BaseModel `bun:"table:chapters"`

		ID     int64           `bun:",pk"`
		BookID int64           `bun:",notnull"`
		Book   *bookSmallTitle `bun:"rel:belongs-to,join:book_id=id"`
	}
)

func (chapter) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "ck", Expression: "book_id > 0"}}
}
func (chapterSmall) Checks() []dbmodule.Check { return chapter{}.Checks() }
func (chapterSmallTitle) Checks() []dbmodule.Check {
	return chapter{}.Checks()
}

func (bookSmallTitle) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "titled", Expression: "title <> '-'"}}
}

func (bookSmall) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "titled", Expression: `Title <> '-'`}}
}

// caseChanges rename by case only. Without a hint SQLite's tables, and columns
// on SQLite and MySQL, are renamed all the same: there they are the same.
func caseChanges() []change {
	rows := []string{`INSERT INTO "Books" ("id", "Title") VALUES (1, 'x')`, `INSERT INTO "chapters" ("id", "book_id") VALUES (5, 1)`}
	kept := `"books" JOIN "chapters" ON "books"."id" = "book_id" WHERE "Title" = 'x'`
	was := `"Books" JOIN "chapters" ON "Books"."id" = "book_id" WHERE "Title" = 'x'`
	folding := []dbmodule.Engine{dbmodule.SQLite, dbmodule.MySQL}
	return []change{
		{
			name: "table renamed by case", old: []any{(*bookCapital)(nil), (*chapter)(nil)}, new: []any{(*bookSmall)(nil), (*chapterSmall)(nil)},
			renames: []string{"Books=books"}, rows: rows, up: []string{kept}, down: []string{was}, only: folding,
		},
		{
			name: "table renamed by case without a hint", old: []any{(*bookCapital)(nil), (*chapter)(nil)}, new: []any{(*bookSmall)(nil), (*chapterSmall)(nil)},
			rows: rows, up: []string{kept}, down: []string{was}, only: folding[:1],
		},
		{
			name: "table and column renamed by case", old: []any{(*bookCapital)(nil), (*chapter)(nil)}, new: []any{(*bookSmallTitle)(nil), (*chapterSmallTitle)(nil)},
			renames: []string{"Books=books", "books.Title=title"}, rows: rows,
			up: []string{strings.ReplaceAll(kept, "Title", "title")}, down: []string{was}, only: folding,
		},
		{
			name: "column renamed by case without a hint", old: []any{(*bookSmall)(nil), (*chapterSmall)(nil)}, new: []any{(*bookSmallTitle)(nil), (*chapterSmallTitle)(nil)},
			rows: []string{strings.ReplaceAll(rows[0], "Books", "books"), rows[1]},
			up:   []string{strings.ReplaceAll(kept, "Title", "title")}, down: []string{kept}, only: folding,
		},
	}
}

// The hint has to be there on PostgreSQL, whose names differ by case.
func TestRenameByCaseOnPostgres(t *testing.T) {
	t.Parallel()
	old := realm(t, dbmodule.PostgreSQL, (*bookCapital)(nil))
	now := realm(t, dbmodule.PostgreSQL, (*bookSmall)(nil))
	hint, err := autogen.ParseRename("Books=books")
	if err != nil {
		t.Fatal(err)
	}
	draft := compare(t, dbmodule.PostgreSQL, old, now, hint)
	if text := strings.Join(draft.Up, ";\n"); !strings.Contains(text, `ALTER TABLE "Books" RENAME TO "books"`) || strings.Contains(text, "DROP TABLE") {
		t.Errorf("drafted is\n%s", text)
	}
	if draft := compare(t, dbmodule.PostgreSQL, old, now); !strings.Contains(strings.Join(draft.Up, ";\n"), "DROP TABLE") {
		t.Errorf("without a hint it is\n%s", strings.Join(draft.Up, ";\n"))
	}
}

type (
	area struct {
		bun.BaseModel `bun:"table:areas"`

		Country string `bun:"type:varchar(2),pk"`
		Number  int64  `bun:",pk"`
	}
	shop struct {
		bun.BaseModel `bun:"table:shops"`

		ID      int64  `bun:",pk"`
		Nr      int64  `bun:",notnull"`
		Country string `bun:"type:varchar(2),notnull"`
		Area    *area  `bun:"rel:belongs-to,join:nr=number,join:country=country"`
	}
)

// A foreign key may name the columns of the other table's key in any order.
func TestForeignKeyInAnotherOrder(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		models := []any{(*area)(nil), (*shop)(nil)}
		want := realm(t, d.engine, models...)
		migrate(t, d, compare(t, d.engine, schema.NewRealm(), want).Up)
		for _, snapshot := range []*schema.Realm{nil, want, parse(t, d.engine, marshal(t, d.engine, want))} {
			if draft := compareLive(t, d, snapshot, nil, models); !draft.Empty() {
				t.Errorf("a comparison finds\n%s", strings.Join(draft.Up, "\n"))
			}
		}
		migrateEach(t, d, []string{
			`INSERT INTO "areas" ("country", "number") VALUES ('de', 7)`, `INSERT INTO "shops" ("id", "nr", "country") VALUES (1, 7, 'de')`,
		})
		if _, err := d.db.DB.ExecContext(t.Context(), quoted(d.engine, `INSERT INTO "shops" ("id", "nr", "country") VALUES (2, 8, 'de')`)); err == nil {
			t.Error("a row that refers to nothing was stored")
		}
	})
}

type (
	signup struct {
		bun.BaseModel `bun:"table:signups"`

		ID        int64  `bun:",pk"`
		Email     string `bun:"type:varchar(80),notnull"`
		Nick      string `bun:"type:varchar(80),notnull"`
		Age       int64
		DeletedAt *string `bun:"type:timestamp"`
	}
	signupOther struct {
		bun.BaseModel `bun:"table:signups"`

		ID      int64  `bun:",pk"`
		Mail    string `bun:"type:varchar(80),notnull"`
		Nick    string `bun:"type:varchar(80),notnull"`
		Removed bool
	}
	registration struct {
		bun.BaseModel `bun:"table:registrations"`

		ID        int64   `bun:",pk"`
		Email     string  `bun:"type:varchar(80),notnull"`
		Nick      string  `bun:"type:varchar(80),notnull"`
		DeletedAt *string `bun:"type:timestamp"`
	}
)

// A drop and an add that look like a rename say how to make one of them.
func TestDropsThatLookLikeRenames(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		draft := compare(t, engine, realm(t, engine, (*signup)(nil)), realm(t, engine, (*signupOther)(nil)))
		for _, w := range draft.Warnings {
			hint := "draft it with --rename signups.email=mail"
			if want := w.Code == autogen.DropColumn && w.Column == "email" && !w.Down; strings.Contains(w.Text, "--rename") != want || want && !strings.HasSuffix(w.Text, hint) {
				t.Errorf("%s: %s", engine, w)
			}
		}
		draft = compare(t, engine, realm(t, engine, (*signup)(nil)), realm(t, engine, (*registration)(nil), (*area)(nil)))
		if len(draft.Warnings) == 0 || draft.Warnings[0].Code != autogen.DropTable || !strings.HasSuffix(draft.Warnings[0].Text, "draft it with --rename signups=registrations") {
			t.Errorf("%s: %v", engine, draft.Warnings)
		}
		draft = compare(t, engine, realm(t, engine, (*signup)(nil)), realm(t, engine, (*area)(nil)))
		if len(draft.Warnings) == 0 || strings.Contains(draft.Warnings[0].Text, "--rename") {
			t.Errorf("%s: %v", engine, draft.Warnings)
		}
	}
}
