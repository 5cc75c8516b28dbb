package migrate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

type author struct {
	bun.BaseModel `bun:"table:authors"`

	ID   int64 `bun:",pk"`
	Name string
}

func TestCode(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		fail := errors.New("not today")
		insert := func(ctx context.Context, db bun.IDB) error {
			_, err := db.NewInsert().Model(&author{ID: 1, Name: "one"}).Exec(ctx)
			return errors.Join(err, fail)
		}
		remove := func(ctx context.Context, db bun.IDB) error {
			_, err := db.NewDelete().Model((*author)(nil)).Where("1 = 1").Exec(ctx)
			return err
		}
		src := source(bookshop()[0], folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{"none": ""}})
		delete(src.FS.(fstest.MapFS), "b2/none.sql")
		src.Code = []migrate.Code{{Revision: "b2", Upgrade: insert, Downgrade: remove}}
		m := newMigrator(t, src)

		_, err := m.Upgrade(t.Context(), db, "head")
		var failed *migrate.StatementError
		if !errors.Is(err, fail) || !errors.As(err, &failed) || failed.Revision.ID != "b2" {
			t.Fatal(err)
		}
		// Rows are rolled back on every engine; only MySQL can't be sure.
		if s := state(t, m, db); (len(s.Dirty) > 0) != (db.Engine() == dbmodule.MySQL) {
			t.Errorf("%+v", s)
		}
		if n := count(t, db, "SELECT count(*) FROM authors"); n != 0 || current(t, m, db) != "a1" {
			t.Errorf("%d rows, at %s", n, current(t, m, db))
		}
		fail = nil
		if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
			t.Fatal(stepIDs(steps), err)
		}
		if n := count(t, db, "SELECT count(*) FROM authors"); n != 1 {
			t.Errorf("%d rows", n)
		}
		if s := state(t, m, db); !s.Ready() || len(s.Drifted) > 0 {
			t.Errorf("%+v", s)
		}
		var text strings.Builder
		steps, err := m.PlanDowngrade(t.Context(), db.DB(), "base")
		if err != nil {
			t.Fatal(err)
		}
		if err := m.WriteSQL(&text, db, steps); err == nil || !strings.Contains(err.Error(), "b2 is Go code") {
			t.Errorf("offline: %v", err)
		}
		if steps, err := m.Downgrade(t.Context(), db, "a1"); err != nil || stepIDs(steps) != "b2" {
			t.Fatal(stepIDs(steps), err)
		}
		if n := count(t, db, "SELECT count(*) FROM authors"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// A time that a revision in Go stores is the moment that it was, whatever its zone.
func TestCodeStoresTimesAsMoments(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		at := time.Date(2026, time.October, 25, 2, 30, 0, 0, time.FixedZone("CEST", 7200))
		type mark struct {
			bun.BaseModel `bun:"table:marks"`

			ID int64     `bun:",pk"`
			At time.Time `bun:"at"`
		}
		src := source(folder{id: "a1", ups: map[dbmodule.Engine]string{
			dbmodule.SQLite:     "CREATE TABLE marks (id BIGINT PRIMARY KEY, at TIMESTAMP);",
			dbmodule.PostgreSQL: "CREATE TABLE marks (id BIGINT PRIMARY KEY, at TIMESTAMPTZ);",
			dbmodule.MySQL:      "CREATE TABLE marks (id BIGINT PRIMARY KEY, at DATETIME(6));",
		}}, folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{"none": ""}})
		delete(src.FS.(fstest.MapFS), "b2/none.sql")
		src.Code = []migrate.Code{{Revision: "b2", Upgrade: func(ctx context.Context, db bun.IDB) error {
			_, err := db.NewInsert().Model(&mark{ID: 1, At: at}).Exec(ctx)
			return err
		}}}
		if _, err := newMigrator(t, src).Upgrade(t.Context(), db, "head"); err != nil {
			t.Fatal(err)
		}
		var got mark
		err := db.DB().NewSelect().Model(&got).Where("at = ?", at.UTC()).Scan(t.Context())
		if err != nil || !got.At.Equal(at) {
			t.Errorf("%s, not %s: %v", got.At, at, err)
		}
	})
}
