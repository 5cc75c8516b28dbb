package app_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/openhands-go/server/app"
	model "github.com/openhands-go/server/app/conversations"
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
		m, err := migrate.New([]migrate.Source{migrations.Source()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Upgrade(t.Context(), db, "heads"); err != nil {
			t.Fatal(err)
		}
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

// Events that were stored before there were tallies are in them afterwards.
func TestEventsOfBeforeAreTallied(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg, dbmodule.WithModels(app.Models()...))
		m, err := migrate.New([]migrate.Source{migrations.Source()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Upgrade(t.Context(), db, "08245b77612a"); err != nil {
			t.Fatal(err)
		}
		at := time.Now().UTC()
		insert := func(model any) {
			if _, err := db.DB().NewInsert().Model(model).Returning("NULL").Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		insert(&model.Conversation{ID: "c", CreatedAt: at, UpdatedAt: at})
		for i, kind := range []string{"ActionEvent", "MessageEvent", "ActionEvent"} {
			insert(&events.Event{Seq: int64(i + 1), ConversationID: "c", ID: strconv.Itoa(i), Kind: kind, Source: "agent", Payload: "{}"})
		}
		if _, err := m.Upgrade(t.Context(), db, "heads"); err != nil {
			t.Fatal(err)
		}
		var tallies []events.Tally
		if err := db.DB().NewSelect().Model(&tallies).Order("kind").Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(tallies)
		if want := fmt.Sprint([]events.Tally{
			{ConversationID: "c", Kind: "ActionEvent", Source: "agent", N: 2},
			{ConversationID: "c", Kind: "MessageEvent", Source: "agent", N: 1},
		}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
