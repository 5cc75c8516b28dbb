package autogen_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

func changeNamed(t *testing.T, name string) change {
	t.Helper()
	for _, c := range matrix() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("no change %q in the matrix", name)
	return change{}
}

// What a change of the matrix is warned of: the code, whether it is the way
// down, where, and a part of the text.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const (
		all    = "sqlite postgresql mysql"
		sized  = "postgresql mysql"
		onlyPG = "postgresql"
	)
	tests := []struct {
		change, engines string
		want            []string
	}{
		{"table dropped", all, []string{"drop-table|children|all its rows"}},
		{"table added", all, []string{"down drop-table|children|all its rows"}},
		{"column dropped", all, []string{"drop-column|things(w)|all its values"}},
		{"nullable column added", all, []string{"down drop-column|things(w)|all its values"}},
		{"column renamed", all, []string{"rename-column|things(v)|becomes amount"}},
		{"table renamed", all, []string{"rename-table|seats|becomes chairs"}},
		{"varchar narrowed, width", sized, []string{"narrow-type|things(v)|(50): a value that does not fit fails"}},
		{"varchar narrowed, width", "sqlite", nil},
		{"varchar widened, width", sized, []string{"down narrow-type|things(v)|not fit"}},
		{"varchar to text, width", sized, []string{"down narrow-type|things(v)|not fit"}},
		{"bigint to int, width", sized, []string{"narrow-type|things(v)|not fit"}},
		{"precision of a numeric narrowed, width", sized, []string{"narrow-type|things(v)|rounded away"}},
		{"precision of times narrowed, width", sized, []string{"narrow-type|things(v)|fractions of a second"}},
		{"bigint to double", all, []string{"convert-type|things(v)|its first 15 digits", "down convert-type|things(v)|a"}},
		{"double narrowed, width", onlyPG, []string{"narrow-type|things(v)|its first 6 digits"}},
		{"time to date", sized, []string{"convert-type|things(v)|cut off", "down convert-type|things(v)|cut off"}},
		{"int to text and the way back", sized, []string{"convert-type|things(v)|no value fails", "down convert-type|things(v)|a value that can't be converted fails"}},
		{"int to text and the way back", "sqlite", []string{"convert-type|things(v)|no value fails", "down convert-type|things(v)|stays as it is"}},
		{"nullable to not null, filled", all, []string{"set-not-null|things(v)|get the default"}},
		{"not null to nullable", all, nil},
		{"default changed", all, nil},
		{"index added", all, nil},
		{"index named", all, nil},
		{"unique added", all, []string{"add-unique|things(v)|uq_things_v fails if rows are equal"}},
		{"check added", all, []string{"add-check|things|sane fails"}},
		{"check dropped", all, nil},
		{"column in a check renamed", all, []string{"rename-column|things(v)|becomes x"}},
		{"foreign key added", all, []string{"add-foreign-key|children(parent_id)|refers to a missing row of parents"}},
		{"actions of a foreign key", all, nil},
		{"column of a foreign key renamed", all, []string{"rename-column|children(parent_id)|becomes owner_id"}},
		{"column joins the primary key", all, []string{"change-primary-key|seats(row, col)|equal in the new one"}},
		{"schema of PostgreSQL", onlyPG, []string{
			"rename-table|audit.logs|becomes audit.entries", "rename-column|audit.entries(word)|becomes text",
			"down drop-column|audit.entries(parent_id)|all its values",
		}},
	}
	for _, tt := range tests {
		for engine := range strings.FieldsSeq(tt.engines) {
			t.Run(tt.change+"/"+engine, func(t *testing.T) {
				t.Parallel()
				c, engine := changeNamed(t, tt.change), dbmodule.Engine(engine)
				draft := compare(t, engine, realm(t, engine, c.old...), realm(t, engine, c.new...), c.hints(t)...)
				match := slices.EqualFunc(draft.Warnings, tt.want, func(w autogen.Warning, want string) bool {
					parts := strings.Split(want, "|")
					return warningHead(w) == parts[0]+"|"+parts[1] && strings.Contains(w.Text, parts[2])
				})
				if !match {
					t.Errorf("warnings are\n%s\nwant %q", joinWarnings(draft.Warnings), tt.want)
				}
			})
		}
	}
}

func warningHead(w autogen.Warning) string {
	head := string(w.Code) + "|" + w.Table
	if w.Column != "" {
		head += "(" + w.Column + ")"
	}
	if w.Down {
		head = "down " + head
	}
	return head
}

func joinWarnings(warnings []autogen.Warning) string {
	var b strings.Builder
	for _, w := range warnings {
		fmt.Fprintln(&b, w)
	}
	return b.String()
}

// A column that rows must have a value in, without one: the statement is
// there, what it does depends on the engine, and the warning says it.
func TestNotNullWithoutADefault(t *testing.T) {
	t.Parallel()
	old := thing[number]()
	now := thing[struct {
		V int64
		W int64 `bun:",notnull"`
	}]()
	null := thing[numberAndNumber]()
	each(t, nil, func(t *testing.T, d database) {
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, old...)).Up)
		draft := compare(t, d.engine, realm(t, d.engine, old...), realm(t, d.engine, now...))
		if len(draft.Up) == 0 || len(draft.Warnings) == 0 || draft.Warnings[0].Code != autogen.AddNotNull {
			t.Fatalf("draft = %+v", draft)
		}
		if fails := strings.Contains(draft.Warnings[0].Text, "fails"); fails == (d.engine == dbmodule.MySQL) {
			t.Errorf("warning = %s", draft.Warnings[0])
		}
		// An empty table takes it everywhere.
		migrate(t, d, draft.Up)
		migrate(t, d, draft.Down)
		migrateEach(t, d, []string{"INSERT INTO things (id, v) VALUES (1, 1)"})
		err := tryMigrate(t.Context(), t, d, draft.Up, draft.Down)
		if (err != nil) != (d.engine != dbmodule.MySQL) {
			t.Errorf("with a row: error = %v", err)
		}
		if d.engine == dbmodule.MySQL {
			migrate(t, d, draft.Down)
		}
		// A column that becomes it over a NULL fails everywhere.
		migrate(t, d, compare(t, d.engine, realm(t, d.engine, old...), realm(t, d.engine, null...)).Up)
		draft = compare(t, d.engine, realm(t, d.engine, null...), realm(t, d.engine, now...))
		if len(draft.Warnings) != 1 || draft.Warnings[0].Code != autogen.SetNotNull || !strings.Contains(draft.Warnings[0].Text, "fails") {
			t.Errorf("warnings = %s", joinWarnings(draft.Warnings))
		}
		if err := tryMigrate(t.Context(), t, d, draft.Up, draft.Down); err == nil {
			t.Error("no error for NULL in a column that becomes not null")
		}
	})
}

type (
	strict struct {
		V int64
	}
	lenient struct {
		V int64 `bun:",notnull,default:7"`
	}
)

func (strict) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "sane", Expression: "v < 5"}}
}

func (lenient) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "sane", Expression: "v < 9"}}
}

// NULLs are filled when the old check, which the default violates, is gone.
func TestFillMeetsNoOldCheck(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		old, now := realm(t, d.engine, thing[strict]()...), realm(t, d.engine, thing[lenient]()...)
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), old).Up)
		migrateEach(t, d, []string{"INSERT INTO things (id, v) VALUES (1, NULL)"})
		migrate(t, d, compare(t, d.engine, old, now).Up)
		migrateEach(t, d, []string{"INSERT INTO things (id, v) SELECT 2, 8 FROM things WHERE v = 7"})
	})
}
