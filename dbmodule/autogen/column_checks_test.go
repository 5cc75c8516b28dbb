package autogen_test

import (
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
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

// MariaDB keeps the check of a column in the column's definition, and DROP CONSTRAINT does
// not find it. A draft changes the definition, and the way down brings the check back.
func TestColumnChecks(t *testing.T) {
	t.Parallel()
	const zero, few, many = "INSERT INTO books (pages) VALUES (0)", "INSERT INTO books (pages) VALUES (5)", "INSERT INTO books (pages) VALUES (50)"
	for name, c := range map[string]struct {
		model        any
		takes, fails []string
	}{
		"the model has none":     {(*uncheckedBook)(nil), []string{zero, few, many}, nil},
		"the column changes":     {(*uncheckedBookFilled)(nil), []string{zero, few, many}, nil},
		"the model has another":  {(*checkedBookStricter)(nil), []string{many}, []string{zero, few}},
		"the model has the same": {(*checkedBook)(nil), []string{few, many}, []string{zero}},
		"the column goes":        {(*uncheckedBookShorter)(nil), nil, []string{many}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOf(t, []dbmodule.Engine{dbmodule.MySQL}, func(t *testing.T, d database) {
				made := []string{"CREATE TABLE books (id bigint PRIMARY KEY AUTO_INCREMENT, pages bigint CHECK (pages > 0), copies bigint COMMENT 'by hand')"}
				migrateEach(t, d, made)
				known := realm(t, d.engine, (*checkedBook)(nil))
				draft := compareLive(t, d, known, nil, []any{c.model})
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
