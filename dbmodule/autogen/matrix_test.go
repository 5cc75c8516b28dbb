package autogen_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	revisions "github.com/openhands-go/server/dbmodule/migrate"
)

// change is one kind of difference between two states of the models.
type change struct {
	name     string
	old, new []any
	renames  []string
	// rows are statements that fill the old tables. Here and below names
	// stand in double quotes where they need quotes.
	rows []string
	// up and down are what stands after FROM in a query that must find
	// exactly one row after the way up, and after the way down.
	up, down []string
	// work are statements that must succeed in the new state.
	work []string
	// only limits the change to some engines.
	only []dbmodule.Engine
}

// things is a table whose columns, besides its key, are those of C. C can
// also have the methods by which models ask for more.
type things[C any] struct {
	bun.BaseModel `bun:"table:things"`

	ID      int64 `bun:",pk"`
	Columns C     `bun:"embed:"`
}

func (m things[C]) Indexes() []dbmodule.Index {
	if x, ok := any(m.Columns).(dbmodule.Indexer); ok {
		return x.Indexes()
	}
	return nil
}

func (m things[C]) Checks() []dbmodule.Check {
	if x, ok := any(m.Columns).(dbmodule.Checker); ok {
		return x.Checks()
	}
	return nil
}

func (m things[C]) TableComment() string {
	if x, ok := any(m.Columns).(dbmodule.Commenter); ok {
		return x.TableComment()
	}
	return ""
}

func (m things[C]) ColumnComments() map[string]string {
	if x, ok := any(m.Columns).(dbmodule.Commenter); ok {
		return x.ColumnComments()
	}
	return nil
}

func thing[C any]() []any { return []any{(*things[C])(nil)} }

func matrix() []change {
	return slices.Concat(columnChanges(), keyChanges(), tableChanges(), caseChanges(), longKeyChanges())
}

// TestMatrix takes every change up, down and up again on every engine, and
// looks at the schema and at the rows each time. The changes of an engine
// share a database, which is emptied between them: to make one takes longer
// than all that is done in it.
func TestMatrix(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		for _, c := range matrix() {
			if len(c.only) == 0 || slices.Contains(c.only, d.engine) {
				t.Run(c.name, func(t *testing.T) {
					t.Cleanup(func() { empty(t, d) })
					c.run(t, d)
				})
			}
		}
	})
}

// empty drops all tables, in whatever state a change left them.
func empty(t *testing.T, d database) {
	t.Helper()
	queries := map[dbmodule.Engine]string{
		dbmodule.SQLite:     `SELECT 'DROP TABLE "' || name || '"' FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
		dbmodule.PostgreSQL: `SELECT format('DROP TABLE %I.%I CASCADE', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'audit')`,
		dbmodule.MySQL:      "SELECT CONCAT('DROP TABLE `', table_name, '`') FROM information_schema.tables WHERE table_schema = DATABASE()",
	}
	var statements []string
	ctx := context.WithoutCancel(t.Context())
	if err := d.db.NewRaw(queries[d.engine]).Scan(ctx, &statements); err != nil {
		t.Fatal(err)
	}
	switch d.engine {
	case dbmodule.MySQL:
		statements = slices.Concat([]string{"SET foreign_key_checks = 0"}, statements, []string{"SET foreign_key_checks = 1"})
	case dbmodule.SQLite:
		statements = slices.Concat([]string{"PRAGMA foreign_keys = off"}, statements, []string{"PRAGMA foreign_keys = on"})
	}
	conn, err := d.db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(execRaw(ctx, conn, statements...), conn.Close()); err != nil {
		t.Fatal(err)
	}
}

func (c change) run(t *testing.T, d database) {
	old, now := realm(t, d.engine, c.old...), realm(t, d.engine, c.new...)
	made := compare(t, d.engine, schema.NewRealm(), old)
	draft := compare(t, d.engine, old, now, c.hints(t)...)
	t.Logf("up:\n%s\ndown:\n%s\nwarnings: %v", strings.Join(draft.Up, ";\n"), strings.Join(draft.Down, ";\n"), draft.Warnings)

	migrate(t, d, made.Up)
	c.expect(t, d, "created", old, c.old, nil)
	migrateEach(t, d, c.rows)
	before := describe(t, d, c.old)

	live := compareLive(t, d, old, c.hints(t), c.new)
	if !slices.Equal(live.Up, draft.Up) || !slices.Equal(live.Down, draft.Down) {
		t.Errorf("against the database it is\nup:\n%s\ndown:\n%s", strings.Join(live.Up, ";\n"), strings.Join(live.Down, ";\n"))
	}
	if draft.Empty() {
		if !c.nothing(d.engine) {
			t.Error("no difference was found")
		}
		return
	}
	migrateDraft(t, d, draft.Up, draft.Down)
	c.expect(t, d, "up", now, c.new, c.up)
	migrateDraft(t, d, draft.Down, draft.Up)
	c.expect(t, d, "down", old, c.old, c.down)
	if after := describe(t, d, c.old); after != before {
		t.Errorf("before:\n%s\nafter the way down:\n%s", before, after)
	}
	migrateDraft(t, d, draft.Up, draft.Down)
	c.expect(t, d, "up again", now, c.new, nil)
	migrateEach(t, d, c.work)
}

// nothing says that the engine has no such thing as what changes.
func (c change) nothing(engine dbmodule.Engine) bool {
	switch engine {
	case dbmodule.SQLite:
		return strings.Contains(c.name, "comment") || strings.Contains(c.name, "width")
	case dbmodule.MySQL:
		return strings.Contains(c.name, "without a successor")
	}
	return false
}

func (c change) hints(t *testing.T) []autogen.Rename {
	t.Helper()
	var hints []autogen.Rename
	for _, text := range c.renames {
		hint, err := autogen.ParseRename(text)
		if err != nil {
			t.Fatal(err)
		}
		hints = append(hints, hint)
	}
	return hints
}

func (c change) expect(t *testing.T, d database, when string, snapshot *schema.Realm, models []any, found []string) {
	t.Helper()
	if got := diff(t, d, models...); len(got) != 0 {
		t.Fatalf("%s: the tables differ from the models by\n%s", when, strings.Join(got, "\n"))
	}
	if got := compareLive(t, d, snapshot, nil, models); !got.Empty() {
		t.Fatalf("%s: a comparison with the snapshot finds\n%s", when, strings.Join(got.Up, "\n"))
	}
	for _, from := range found {
		var n int
		q := quoted(d.engine, "SELECT COUNT(*) FROM "+from)
		if err := d.db.DB.QueryRowContext(t.Context(), q).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: %s is %d, %v, want 1", when, q, n, err)
		}
	}
}

func compare(t *testing.T, engine dbmodule.Engine, from, to *schema.Realm, hints ...autogen.Rename) autogen.Draft {
	t.Helper()
	draft, err := autogen.Compare(t.Context(), engine, from, to, hints...)
	if err != nil {
		t.Fatalf("Compare: %v", err)
	}
	return draft
}

func compareLive(t *testing.T, d database, snapshot *schema.Realm, hints []autogen.Rename, models []any) autogen.Draft {
	t.Helper()
	var draft autogen.Draft
	err := onConn(t, d.db, func(conn bun.Conn) (err error) {
		draft, err = autogen.CompareLive(t.Context(), conn, snapshot, hints, models...)
		return err
	})
	if err != nil {
		t.Fatalf("CompareLive: %v", err)
	}
	return draft
}

// describe tells what the database has, but for the order of things.
func describe(t *testing.T, d database, models []any) string {
	t.Helper()
	var text []byte
	err := onConn(t, d.db, func(conn bun.Conn) error {
		live, err := autogen.Inspect(t.Context(), conn, models...)
		if err != nil {
			return err
		}
		text, err = autogen.MarshalSnapshot(d.engine, live)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// migrate runs statements as a revision, by what runs revisions.
func migrate(t *testing.T, d database, statements []string) {
	t.Helper()
	migrateDraft(t, d, statements, nil)
}

// migrateDraft runs the one way of a revision that has another.
func migrateDraft(t *testing.T, d database, statements, other []string) {
	t.Helper()
	if err := tryMigrate(t.Context(), t, d, statements, other); err != nil {
		t.Fatalf("%v\nin\n%s", err, strings.Join(statements, ";\n"))
	}
}

// tryMigrate makes a history of one revision of the statements, and runs it on
// the database as if that had none yet. other is its downgrade.
func tryMigrate(ctx context.Context, t *testing.T, d database, statements, other []string) error {
	t.Helper()
	for _, s := range statements {
		if strings.HasSuffix(s, ";") {
			return fmt.Errorf("%s: ends in a semicolon", s)
		}
	}
	text := "-- migrate:upgrade\n" + strings.Join(statements, ";\n") + ";\n"
	if other != nil {
		text += "-- migrate:downgrade\n" + strings.Join(other, ";\n") + ";\n"
	}
	script, err := revisions.ParseScript(d.engine, text)
	if err != nil || len(script.Upgrade) != len(statements) {
		return fmt.Errorf("%d statements became %d in a file: %w", len(statements), len(script.Upgrade), err)
	}
	m, err := revisions.New([]revisions.Source{{FS: fstest.MapFS{
		"a1/" + revisions.RevisionFile:    {Data: []byte("test\n\nRevision ID: a1\nRevises:\n")},
		"a1/" + string(d.engine) + ".sql": {Data: []byte(text)},
	}}})
	if err != nil {
		return err
	}
	if _, err := m.Stamp(ctx, d.whole, true, "base"); err != nil {
		return err
	}
	_, err = m.Upgrade(ctx, d.whole, "a1")
	return err
}

func execRaw(ctx context.Context, conn bun.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := conn.Conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// migrateEach runs statements each by itself, foreign keys enforced.
func migrateEach(t *testing.T, d database, statements []string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.db.DB.ExecContext(t.Context(), quoted(d.engine, s)); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// quoted turns quotes of names into the engine's.
func quoted(engine dbmodule.Engine, s string) string {
	if engine == dbmodule.MySQL {
		return strings.ReplaceAll(s, `"`, "`")
	}
	return s
}
