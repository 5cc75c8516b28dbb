package autogen_test

import (
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

func TestLiveTouchesNobodyElses(t *testing.T) {
	t.Parallel()
	old := []any{(*parent)(nil), (*childKey)(nil)}
	each(t, nil, func(t *testing.T, d database) {
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, old...)).Up)
		migrateEach(t, d, []string{
			"CREATE TABLE stranger (id BIGINT PRIMARY KEY, parent BIGINT, CONSTRAINT stranger_parent FOREIGN KEY (parent) REFERENCES parents (id))",
			"CREATE VIEW onlooker AS SELECT id FROM parents",
		})
		snapshot := realm(t, d.engine, old...)
		if got := compareLive(t, d, snapshot, nil, old); !got.Empty() {
			t.Errorf("drafted %q", got.Up)
		}
		// Of a model that is gone only the snapshot knows.
		if got := compareLive(t, d, nil, nil, old[:1]); !got.Empty() {
			t.Errorf("without a snapshot drafted %q", got.Up)
		}
		got := compareLive(t, d, snapshot, nil, old[:1])
		if len(got.Up) != 1 || !strings.Contains(got.Up[0], "DROP TABLE") || !strings.Contains(got.Up[0], "children") {
			t.Errorf("drafted %q", got.Up)
		}
		migrate(t, d, got.Up)
		migrate(t, d, got.Down)
		if got := compareLive(t, d, snapshot, nil, old); !got.Empty() {
			t.Errorf("after the way back drafted %q", got.Up)
		}
		migrateEach(t, d, []string{"INSERT INTO parents (id) VALUES (1)", "INSERT INTO stranger (id, parent) SELECT id, id FROM onlooker"})
	})
}

// Checks and conditions that change under their names are found with a
// snapshot, although servers rewrite them.
func TestLiveFindsTexts(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		for _, name := range []string{"check altered under its name", "condition altered under its name"} {
			c := changeNamed(t, name)
			if len(c.only) > 0 && !slices.Contains(c.only, d.engine) {
				continue
			}
			old := realm(t, d.engine, c.old...)
			migrate(t, d, compare(t, d.engine, realm(t, d.engine), old).Up)
			if got := compareLive(t, d, old, nil, c.old); !got.Empty() {
				t.Errorf("%s: unchanged, drafted %q", name, got.Up)
			}
			if got := compareLive(t, d, nil, nil, c.new); !got.Empty() {
				t.Errorf("%s: without a snapshot drafted %q", name, got.Up)
			}
			draft := compareLive(t, d, old, nil, c.new)
			if draft.Empty() {
				t.Errorf("%s: not found", name)
			}
			migrate(t, d, draft.Up)
			migrate(t, d, compareLive(t, d, realm(t, d.engine, c.new...), nil, c.old).Up)
			migrateEach(t, d, []string{"DROP TABLE things"})
		}
	})
}

// A hint names a table that neither the models nor a snapshot do.
func TestLiveRenameWithoutASnapshot(t *testing.T) {
	t.Parallel()
	c := changeNamed(t, "table and column renamed, and more")
	each(t, nil, func(t *testing.T, d database) {
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, c.old...)).Up)
		migrate(t, d, compareLive(t, d, nil, c.hints(t), c.new).Up)
		if got := diff(t, d, c.new...); len(got) != 0 {
			t.Errorf("differs by %q", got)
		}
	})
}

// What somebody did to a table by hand is taken back.
func TestLiveFindsDrift(t *testing.T) {
	t.Parallel()
	models := thing[indexVW]()
	each(t, nil, func(t *testing.T, d database) {
		migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, models...)).Up)
		migrateEach(t, d, []string{"ALTER TABLE things ADD COLUMN extra INTEGER", "CREATE INDEX by_hand ON things (w)"})
		draft := compareLive(t, d, nil, nil, models)
		if len(draft.Warnings) != 1 || draft.Warnings[0].Code != autogen.DropColumn || draft.Warnings[0].Column != "extra" {
			t.Errorf("warnings = %s", joinWarnings(draft.Warnings))
		}
		migrate(t, d, draft.Up)
		if got := diff(t, d, models...); len(got) != 0 {
			t.Errorf("differs by %q", got)
		}
		migrate(t, d, draft.Down)
		migrateEach(t, d, []string{"INSERT INTO things (id, extra) VALUES (1, 1)"})
	})
}

// What DDL makes is what Create makes.
func TestDDL(t *testing.T) {
	t.Parallel()
	models := append(library(), (*values)(nil))
	each(t, models, func(t *testing.T, d database) {
		statements, err := autogen.DDL(t.Context(), d.engine, realm(t, d.engine, models...))
		if err != nil {
			t.Fatal(err)
		}
		migrate(t, d, statements)
		if got := diff(t, d, models...); len(got) != 0 {
			t.Errorf("differs by %q", got)
		}
		made := describe(t, d, models)
		if _, err := drop(t, d.db, models...); err != nil {
			t.Fatal(err)
		}
		create(t, d.db, models...)
		if created := describe(t, d, models); created != made {
			t.Errorf("DDL makes\n%s\nand Create\n%s", made, created)
		}
	})
}

func TestUnknownEngine(t *testing.T) {
	t.Parallel()
	if _, err := autogen.Compare(t.Context(), "oracle", schema.NewRealm(), schema.NewRealm()); err == nil {
		t.Error("Compare: no error")
	}
	if _, err := autogen.DDL(t.Context(), "oracle", schema.NewRealm()); err == nil {
		t.Error("DDL: no error")
	}
}

// Realms that are compared stay as they are, whatever the engine's differ and
// planner do to what they get.
func TestCompareIsPure(t *testing.T) {
	t.Parallel()
	for _, c := range matrix() {
		for _, engine := range []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL} {
			if len(c.only) > 0 && !slices.Contains(c.only, engine) {
				continue
			}
			old, now := realm(t, engine, c.old...), realm(t, engine, c.new...)
			first := compare(t, engine, old, now, c.hints(t)...)
			again := compare(t, engine, old, now, c.hints(t)...)
			if !slices.Equal(first.Up, again.Up) || !slices.Equal(first.Down, again.Down) {
				t.Errorf("%s on %s: the second time it is %q", c.name, engine, again)
			}
		}
	}
}
