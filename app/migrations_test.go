package app_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/migrations"
)

// The server's revisions lead to what its models say, on every engine, and
// leave nothing when they are taken back.
func TestRevisionsLeadToTheModels(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg, dbmodule.WithModels(app.Models()...), dbmodule.WithTables(autogen.NewTables()))
		m := migrator(t)
		upgrade(t, m, db, "heads")
		differences := func(ctx context.Context) int {
			conn, err := db.DB().Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			changes, err := autogen.Diff(ctx, conn, app.Models()...)
			if err != nil {
				t.Fatal(err)
			}
			return len(changes)
		}
		if n := differences(t.Context()); n != 0 {
			t.Errorf("%d differences between the revisions and the models", n)
		}
		if _, err := m.Downgrade(t.Context(), db, "base"); err != nil {
			t.Fatal(err)
		}
		var left []string
		if err := db.DB().NewRaw("SELECT version_num FROM alembic_version").Scan(t.Context(), &left); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		if state, err := db.SchemaState(t.Context()); err != nil || len(state.Missing) != len(app.Models()) {
			t.Errorf("%+v, %v", state, err)
		}
	})
}

// migrator runs the server's revisions. Each of tell gets what they report.
func migrator(t *testing.T, tell ...func(text string)) *migrate.Migrator {
	t.Helper()
	m, err := migrate.New([]migrate.Source{migrations.Source(tell...)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func upgrade(t *testing.T, m *migrate.Migrator, db *dbmodule.Database, revision string) {
	t.Helper()
	if _, err := m.Upgrade(t.Context(), db, revision); err != nil {
		t.Fatal(err)
	}
}

// databaseAt opens a database that is at a revision of the server, and returns what brings it to others.
func databaseAt(t *testing.T, cfg dbmodule.Config, revision string, tell ...func(text string)) (*dbmodule.Database, *migrate.Migrator) {
	t.Helper()
	db, m := dbtest.Open(t, cfg, dbmodule.WithModels(app.Models()...)), migrator(t, tell...)
	upgrade(t, m, db, revision)
	return db, m
}

// tallies describes the rows of event_counts.
func tallies(t *testing.T, db *dbmodule.Database) string {
	t.Helper()
	var rows []events.Tally
	if err := db.DB().NewSelect().Model(&rows).Order("conversation_id", "kind", "source").Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s %s %s %d\n", r.ConversationID, r.Kind, r.Source, r.N)
	}
	return b.String()
}

// storedEvent is a row of events as builds before this one wrote it.
type storedEvent struct {
	bun.BaseModel `bun:"table:events,alias:event"`

	ConversationID string
	ID             string
	Kind           string
	Source         string
	Micros         int64 `bun:"ts"`
	Final          bool
	Body           *string
	Payload        string
}

// storeConversation stores a conversation as builds before this one did; changes are
// columns with other values than those of a conversation of which nothing is known.
func storeConversation(t *testing.T, db *dbmodule.Database, id string, changes map[string]any) {
	t.Helper()
	row := conversationBefore(id, changes)
	if _, err := db.DB().NewInsert().Model(&row).Table("conversations").Returning("NULL").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// conversationBefore is a row of conversations as builds before this one wrote it.
func conversationBefore(id string, changes map[string]any) map[string]any {
	at := time.Now().UTC().Truncate(time.Second)
	row := map[string]any{
		"id": id, "title_pinned": false, "tags_pinned": false, "public_pinned": false, "execution_status": "idle", "state_micros": 0,
		"info_digest": "", "info_micros": 0, "agent": "{}", "workspace": "{}", "confirmation_policy": "{}", "stats": "{}", "tags": "{}",
		"details": "{}", "max_iterations": 500, "stuck_detection": true, "agent_kind": "openhands", "public": false, "pr_numbers": "[]",
		"event_count": 0, "accumulated_cost": 0.0, "prompt_tokens": 0, "completion_tokens": 0, "cache_read_tokens": 0,
		"cache_write_tokens": 0, "reasoning_tokens": 0, "context_window": 0, "per_turn_token": 0, "created_at": at, "updated_at": at,
	}
	maps.Copy(row, changes)
	return row
}

// storeBefore stores n events as the build before the tallies did, of two kinds
// and sources.
func storeBefore(t *testing.T, db *dbmodule.Database, conversation string, n int) {
	t.Helper()
	storeConversation(t, db, conversation, map[string]any{"event_count": n})
	rows := make([]*storedEvent, n)
	for i := range rows {
		rows[i] = &storedEvent{
			ConversationID: conversation, ID: strconv.Itoa(i), Payload: "{}", Micros: int64(i % 997),
			Kind: []string{"ActionEvent", "MessageEvent", "ActionEvent"}[i%3], Source: []string{"agent", "user"}[i%2],
		}
	}
	for part := range slices.Chunk(rows, 2000) {
		if _, err := db.DB().NewInsert().Model(&part).Returning("NULL").Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Events that were stored before there were tallies are in them afterwards,
// those of a conversation that takes several pieces as well, and tallies that
// are wrong are mended.
func TestEventsOfBeforeAreTallied(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, m := databaseAt(t, cfg, "08245b77612a")
		storeBefore(t, db, "a", 6)
		storeBefore(t, db, "b", 0)
		storeBefore(t, db, "c", 12_000)
		storeBefore(t, db, "d", 3)
		storeBefore(t, db, "e", 1)
		upgrade(t, m, db, "110694663fa4")
		if _, err := db.DB().NewInsert().Model(&[]events.Tally{
			{ConversationID: "d", Kind: "Wrong", Source: "agent", N: 1}, {ConversationID: "e", Kind: "Right", Source: "agent", N: 1},
		}).Returning("NULL").Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		upgrade(t, m, db, "heads")
		const want = "a ActionEvent agent 2\na ActionEvent user 2\na MessageEvent agent 1\na MessageEvent user 1\n" +
			"c ActionEvent agent 4000\nc ActionEvent user 4000\nc MessageEvent agent 2000\nc MessageEvent user 2000\n" +
			"d ActionEvent agent 2\nd MessageEvent user 1\ne Right agent 1\n"
		if got := tallies(t, db); got != want {
			t.Errorf("got:\n%s", got)
		}
	})
}

// A database that has the tallies from the revision as it was at first, which
// counted all events by itself, is not told that the revision was edited.
func TestFirstTextOfTheTalliesRevision(t *testing.T) {
	t.Parallel()
	const id, counts = "110694663fa4", "INSERT INTO event_counts (conversation_id, kind, source, n)\n" +
		"SELECT conversation_id, kind, source, count(*) FROM events GROUP BY conversation_id, kind, source;\n"
	first := fstest.MapFS{}
	if err := fs.WalkDir(migrations.Source().FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(name, id) && !strings.Contains(name, "08245b77612a") {
			return err
		}
		text, err := fs.ReadFile(migrations.Source().FS, name)
		if strings.Contains(name, id) {
			text = []byte(strings.Replace(string(text), "\n-- migrate:downgrade", counts+"\n-- migrate:downgrade", 1))
		}
		first[name] = &fstest.MapFile{Data: text}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	before, err := migrate.New([]migrate.Source{{FS: first}})
	if err != nil {
		t.Fatal(err)
	}
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg, dbmodule.WithModels(app.Models()...))
		// Each engine has a migrator of its own: its state says so while it runs revisions, on any database.
		now := migrator(t)
		upgrade(t, before, db, "heads")
		storeBefore(t, db, "a", 6)
		state, err := now.State(t.Context(), db.DB())
		if err != nil || len(state.Drifted) > 0 || len(state.Pending) == 0 {
			t.Fatalf("%+v, %v", state, err)
		}
		upgrade(t, now, db, "heads")
		if state, err = now.State(t.Context(), db.DB()); err != nil || !state.Ready() || len(state.Drifted) > 0 {
			t.Errorf("%+v, %v", state, err)
		}
		if tallies(t, db) == "" {
			t.Error("nothing was tallied")
		}
		if _, err := now.Downgrade(t.Context(), db, "base"); err != nil {
			t.Error(err)
		}
	})
}

// Conversations that have a parent are known as such after the upgrade, more than a piece of them.
func TestParentsOfBeforeAreMarked(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, m := databaseAt(t, cfg, "ca8bfc75e6de")
		for n := range 450 {
			changes := map[string]any{"parent_conversation_id": "p"}
			if n%10 == 0 {
				changes = nil
			}
			storeConversation(t, db, fmt.Sprintf("c%03d", n), changes)
		}
		upgrade(t, m, db, "heads")
		var wrong, marked int
		for query, n := range map[string]*int{
			"SELECT count(*) FROM conversations WHERE has_parent = (parent_conversation_id IS NULL)": &wrong,
			"SELECT count(*) FROM conversations WHERE has_parent = ?":                                &marked,
		} {
			if err := db.DB().NewRaw(query, true).Scan(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if wrong != 0 || marked != 405 {
			t.Errorf("%d are wrong, %d marked", wrong, marked)
		}
	})
}
