package autogen_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

func TestParseRename(t *testing.T) {
	t.Parallel()
	for hint, want := range map[string]autogen.Rename{
		"a=b":                     {From: "a", To: "b"},
		" t.old = new ":           {From: "t.old", To: "new"},
		"s.t.old=s.t.new":         {From: "s.t.old", To: "s.t.new"},
		"it's.größer=it's.größte": {From: "it's.größer", To: "it's.größte"},
	} {
		if got, err := autogen.ParseRename(hint); err != nil || got != want {
			t.Errorf("%q is %+v, %v", hint, got, err)
		}
	}
	for _, hint := range []string{"", "a", "a=", "=b", "a=b=c", "a.=b", "a..b=c", "a.b.c.d=e"} {
		if got, err := autogen.ParseRename(hint); err == nil || !strings.Contains(err.Error(), "table.old=table.new") {
			t.Errorf("%q is %+v, %v, want an error that says what to write", hint, got, err)
		}
	}
}

func TestWrongRenames(t *testing.T) {
	t.Parallel()
	old := []any{(*parent)(nil), (*childKey)(nil), (*seat)(nil)}
	now := []any{(*parentOther)(nil), (*childRenamed)(nil), (*seatPair)(nil), (*parent)(nil)}
	tests := []struct {
		hints string
		want  []string
	}{
		{"nothing=owners", []string{"no table nothing", "before the =", "children, parents, seats"}},
		{"seats=nothing", []string{"no model has the table nothing", "after the =", "children, owners, parents, seats"}},
		{"parents=owners", []string{"a model still has the table parents", "leave the hint out"}},
		{"seats=children", []string{"a model still has the table seats"}},
		{"children.nothing=owner_id", []string{"table children has no column nothing", "id, parent_id"}},
		{"children.parent_id=nothing", []string{"has no column nothing", "id, owner_id"}},
		{"children.id=owner_id", []string{"still has the column id"}},
		{"children.parent_id=seats.owner_id", []string{"move a column", "children.parent_id=children.owner_id"}},
		{"nothing.a=b", []string{"no table nothing", "table.old=table.new"}},
		{"children.parent_id=owner_id children.parent_id=owner_id", []string{"has no column parent_id"}},
		{"children.parent_id=id", []string{"column id already"}},
	}
	for _, tt := range tests {
		for _, engine := range engines {
			t.Run(tt.hints+"/"+string(engine), func(t *testing.T) {
				t.Parallel()
				c := change{renames: strings.Fields(tt.hints)}
				_, err := autogen.Compare(t.Context(), engine, realm(t, engine, old...), realm(t, engine, now...), c.hints(t)...)
				if err == nil {
					t.Fatal("no error")
				}
				for _, want := range append(tt.want, "autogen: rename hint ", "write") {
					if want == "write" && strings.Contains(err.Error(), "leave the hint out") {
						continue
					}
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q doesn't say %q", err, want)
					}
				}
			})
		}
	}
}

// Without a hint a rename is a drop and an add.
func TestNoHintNoRename(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		draft := compare(t, engine, realm(t, engine, thing[number]()...), realm(t, engine, thing[renamedNumber]()...))
		if len(draft.Warnings) == 0 || draft.Warnings[0].Code != autogen.DropColumn || strings.Contains(strings.Join(draft.Up, ""), "RENAME COLUMN") {
			t.Errorf("%s: %+v", engine, draft)
		}
	}
}

// What a rename gives another name is renamed too and not made again, where
// the engine can.
func TestRenamesAreCheap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		change, engines, never string
	}{
		{"names that need quotes", "postgresql mysql", "CREATE UNIQUE INDEX|ADD UNIQUE INDEX"},
		{"column of a foreign key renamed", "postgresql", "ADD CONSTRAINT"},
		{"column of a foreign key renamed", "mysql", "ADD INDEX"},
		{"column in a check without a name renamed", "postgresql", "ADD CONSTRAINT"},
		{"column in a condition renamed", "postgresql", "CREATE INDEX"},
		{"column in a check renamed", "postgresql sqlite", "CONSTRAINT"},
	}
	for _, tt := range tests {
		for engine := range strings.FieldsSeq(tt.engines) {
			c, engine := changeNamed(t, tt.change), dbmodule.Engine(engine)
			draft := compare(t, engine, realm(t, engine, c.old...), realm(t, engine, c.new...), c.hints(t)...)
			text := strings.Join(append(draft.Up, draft.Down...), ";\n")
			for never := range strings.SplitSeq(tt.never, "|") {
				if strings.Contains(text, never) {
					t.Errorf("%s on %s:\n%s", tt.change, engine, text)
				}
			}
		}
	}
}
