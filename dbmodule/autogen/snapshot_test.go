package autogen_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// tricky has texts that mean something to the language of snapshots.
type tricky struct {
	bun.BaseModel `bun:"table:${tricky}"`

	ID    int64  `bun:",pk"`
	Text  string `bun:"a.b ${c} %{d},type:varchar(90),default:'${e} %{f} \\\\n \"g\" it''s'"`
	Words string `bun:"type:varchar(90),default:'heredoc <<EOT'"`
}

func (tricky) TableComment() string { return "${a} %{b}\n\"c\" \\d it's" }
func (tricky) ColumnComments() map[string]string {
	return map[string]string{"words": "sql(\"timestamptz(0)\")\n  type = sql(\"time(0)\")\n"}
}

func (tricky) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "c${d}", Expression: "words <> '${e} \\d \"f\"'"}}
}

// trickySorted has columns with collations beside names with a % or a $.
type trickySorted struct {
	bun.BaseModel `bun:"table:cash$%"`

	ID    int64  `bun:"100%,pk"`
	Price string `bun:"column:price$,type:varchar(90) collate \"C\""`
	Name  string `bun:"type:varchar(90) collate \"POSIX\""`
}

func marshal(t *testing.T, engine dbmodule.Engine, r *schema.Realm) []byte {
	t.Helper()
	text, err := autogen.MarshalSnapshot(engine, r)
	if err != nil {
		t.Fatalf("MarshalSnapshot: %v", err)
	}
	return text
}

func parse(t *testing.T, engine dbmodule.Engine, text []byte) *schema.Realm {
	t.Helper()
	r, err := autogen.ParseSnapshot(engine, text, "schema.hcl")
	if err != nil {
		t.Fatalf("ParseSnapshot: %v\n%s", err, text)
	}
	return r
}

// Whatever a state of models is, its snapshot says all of it: reading it
// leaves no difference and writing it again the same bytes.
func TestSnapshotSaysAll(t *testing.T) {
	t.Parallel()
	states := map[string][]any{"everything": append(library(), (*values)(nil)), "nothing": nil, "tricky": {(*tricky)(nil)}, "tricky, sorted": {(*trickySorted)(nil)}}
	for _, c := range matrix() {
		states[c.name+", old"], states[c.name+", new"] = c.old, c.new
	}
	for name, models := range states {
		for _, engine := range engines {
			t.Run(name+"/"+string(engine), func(t *testing.T) {
				t.Parallel()
				want, err := autogen.Realm(engine, models...)
				if err != nil {
					t.Skip("the engine can't have it:", err)
				}
				before := marshal(t, engine, want)
				got := parse(t, engine, before)
				if draft := compare(t, engine, got, want); !draft.Empty() {
					t.Errorf("the snapshot\n%s\ndiffers by\n%s", before, strings.Join(draft.Up, "\n"))
				}
				if after := marshal(t, engine, got); !bytes.Equal(after, before) {
					t.Errorf("written again it is\n%s\nwant\n%s", after, before)
				}
				if again := marshal(t, engine, realm(t, engine, reversed(models)...)); !bytes.Equal(again, before) {
					t.Errorf("with the models in another order it is\n%s\nwant\n%s", again, before)
				}
			})
		}
	}
}

func reversed(models []any) []any {
	models = slices.Clone(models)
	slices.Reverse(models)
	return models
}

// A revision drafted from a snapshot is the one drafted from the models that
// the snapshot was made of.
func TestSnapshotGivesTheSameDraft(t *testing.T) {
	t.Parallel()
	for _, c := range matrix() {
		for _, engine := range engines {
			if len(c.only) > 0 && !slices.Contains(c.only, engine) {
				continue
			}
			t.Run(c.name+"/"+string(engine), func(t *testing.T) {
				t.Parallel()
				old, now := realm(t, engine, c.old...), realm(t, engine, c.new...)
				before := marshal(t, engine, old)
				want := compare(t, engine, old, now, c.hints(t)...)
				got := compare(t, engine, parse(t, engine, before), now, c.hints(t)...)
				if !slices.Equal(got.Up, want.Up) || !slices.Equal(got.Down, want.Down) || !slices.Equal(got.Warnings, want.Warnings) {
					t.Errorf("got\n%s\n\n%s\nwant\n%s\n\n%s", strings.Join(got.Up, "\n"), strings.Join(got.Down, "\n"),
						strings.Join(want.Up, "\n"), strings.Join(want.Down, "\n"))
				}
				if after := marshal(t, engine, old); !bytes.Equal(after, before) {
					t.Errorf("the comparison changed the old schema to\n%s\nfrom\n%s", after, before)
				}
			})
		}
	}
}

func TestSnapshotErrors(t *testing.T) {
	t.Parallel()
	const twice = "schema \"default\" {}\ntable \"a\" {\n  schema = schema.default\n  column \"b\" {\n    type = int\n  }\n}\n"
	_, tables, _ := strings.Cut(twice, "\n")
	for _, text := range []string{
		twice + tables, strings.Replace(twice, "  column", "  column \"b\" {\n    type = text\n  }\n  column", 1), `table "books" {`, `nonsense {}`, "schema \"default\" {}\ntable \"a\" {\n  schema = schema.other\n}",
	} {
		_, err := autogen.ParseSnapshot(dbmodule.PostgreSQL, []byte(text), "migrations/schema.hcl")
		if err == nil || !strings.HasPrefix(err.Error(), "autogen: ") || !strings.Contains(err.Error(), "migrations/schema.hcl") {
			t.Errorf("%s: error = %v, want one that names the file", text, err)
		}
	}
	if _, err := autogen.ParseSnapshot("oracle", nil, ""); err == nil {
		t.Error("no error for an unknown engine")
	}
	r, err := autogen.ParseSnapshot(dbmodule.SQLite, []byte("\n"), "")
	if err != nil || len(r.Schemas) != 1 || r.Schemas[0].Name != "" {
		t.Errorf("no text is %+v, %v", r, err)
	}
	if _, err := autogen.MarshalSnapshot(dbmodule.PostgreSQL, schema.NewRealm(schema.New("default"))); err == nil {
		t.Error("no error for a schema that has the name of the default one")
	}
}
