package autogen_test

import (
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

type uncheckedBook struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64 `bun:",pk,autoincrement"`
	Pages         *int64
	Copies        *int64
}

type uncheckedBookFilled struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64 `bun:",pk,autoincrement"`
	Pages         int64 `bun:",notnull,default:1"`
	Copies        *int64
}

type uncheckedBookShorter struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64 `bun:",pk,autoincrement"`
	Copies        *int64
}

type checkedBook struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64 `bun:",pk,autoincrement"`
	Pages         *int64
	Copies        *int64
}

func (*checkedBook) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "pages", Expression: "pages > 0"}}
}

type checkedBookStricter checkedBook

func (*checkedBookStricter) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "pages", Expression: "pages > 10"}}
}

type renamedBook struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64  `bun:",pk,autoincrement"`
	Pages         *int64 `bun:"leaves"`
	Copies        *int64
}

type renamedCheckedBook renamedBook

func (*renamedCheckedBook) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "pages", Expression: "leaves > 0"}}
}

// MariaDB keeps the check of a column in the column's definition, and DROP CONSTRAINT does
// not find it. A draft changes the definition, and the way down brings the check back.
func TestColumnChecks(t *testing.T) {
	t.Parallel()
	const zero, few, many = "INSERT INTO books (pages) VALUES (0)", "INSERT INTO books (pages) VALUES (5)", "INSERT INTO books (pages) VALUES (50)"
	leaves := []autogen.Rename{{From: "books.pages", To: "leaves"}}
	renamed := func(statement string) string { return strings.ReplaceAll(statement, "pages", "leaves") }
	for name, c := range map[string]struct {
		model        any
		takes, fails []string
		renames      []autogen.Rename
	}{
		"the model has none":     {model: (*uncheckedBook)(nil), takes: []string{zero, few, many}},
		"the column changes":     {model: (*uncheckedBookFilled)(nil), takes: []string{zero, few, many}},
		"the model has another":  {model: (*checkedBookStricter)(nil), takes: []string{many}, fails: []string{zero, few}},
		"the model has the same": {model: (*checkedBook)(nil), takes: []string{few, many}, fails: []string{zero}},
		"the column goes":        {model: (*uncheckedBookShorter)(nil), fails: []string{many}},
		"the column is renamed": {
			model: (*renamedCheckedBook)(nil), renames: leaves,
			takes: []string{renamed(few)}, fails: []string{renamed(zero)},
		},
		"the column is replaced": {
			model: (*renamedCheckedBook)(nil),
			takes: []string{renamed(few)}, fails: []string{zero, renamed(zero)},
		},
		"the column is renamed, the model has none": {model: (*renamedBook)(nil), renames: leaves, takes: []string{renamed(zero)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOf(t, []dbmodule.Engine{dbmodule.MySQL}, func(t *testing.T, d database) {
				made := []string{"CREATE TABLE books (id bigint PRIMARY KEY AUTO_INCREMENT, pages bigint CHECK (pages > 0), copies bigint COMMENT 'by hand')"}
				migrateEach(t, d, made)
				known := realm(t, d.engine, (*checkedBook)(nil))
				draft := compareLive(t, d, known, c.renames, []any{c.model})
				migrateEach(t, d, []string{"DROP TABLE books"})
				m := branchedHistory(t, d.engine, made, draft, nil)
				insert := func(when string, taken bool, statements ...string) {
					t.Helper()
					for _, statement := range statements {
						if _, err := d.db.ExecContext(t.Context(), statement); (err == nil) != taken {
							t.Errorf("%s: %s: %v, after\n%s", when, statement, err, strings.Join(draft.Up, ";\n"))
						}
					}
				}
				if _, err := m.Upgrade(t.Context(), d.whole, "change1"); err != nil {
					t.Fatalf("upgrade: %v\nin\n%s", err, strings.Join(draft.Up, ";\n"))
				}
				insert("up", true, c.takes...)
				insert("up", false, c.fails...)
				if got := compareLive(t, d, realm(t, d.engine, c.model), nil, []any{c.model}); !got.Empty() {
					t.Errorf("after the way up a comparison finds %q", got.Up)
				}
				migrateEach(t, d, []string{"DELETE FROM books"})
				if _, err := m.Downgrade(t.Context(), d.whole, "made"); err != nil {
					t.Fatalf("downgrade: %v\nin\n%s", err, strings.Join(draft.Down, ";\n"))
				}
				insert("down", true, few, many)
				insert("down", false, zero)
			})
		})
	}
}
