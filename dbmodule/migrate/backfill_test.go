package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// pieces is a revision that gives authors their names, two at a time.
type pieces struct {
	froms []string
	// before is called at the beginning of each piece.
	before func(from string) error
}

// manyPieces is more than any test here needs: a run that loses its place ends.
const manyPieces = 20

func (p *pieces) source() migrate.Source {
	src := source(bookshop()[0], folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{"none": ""}})
	delete(src.FS.(fstest.MapFS), "b2/none.sql")
	src.Code = []migrate.Code{{
		Revision: "b2", Backfill: p.piece,
		Downgrade: func(context.Context, bun.IDB) error { return nil },
	}}
	return src
}

func (p *pieces) piece(ctx context.Context, db bun.IDB, from string) (migrate.Piece, error) {
	p.froms = append(p.froms, from)
	if len(p.froms) > manyPieces {
		return migrate.Piece{}, fmt.Errorf("pieces from %q: it never ends", p.froms)
	}
	after, _ := strconv.Atoi(from)
	var ids []int64
	if err := db.NewSelect().Model((*author)(nil)).Column("id").Where("id > ?", after).Order("id").Limit(2).Scan(ctx, &ids); err != nil || len(ids) == 0 {
		return migrate.Piece{Done: true}, err
	}
	if _, err := db.NewUpdate().Model((*author)(nil)).Set("name = CASE name WHEN 'n' THEN 'nx' ELSE 'twice' END").Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
		return migrate.Piece{}, err
	}
	if p.before != nil {
		if err := p.before(from); err != nil {
			return migrate.Piece{}, err
		}
	}
	return migrate.Piece{Next: strconv.FormatInt(slices.Max(ids), 10), Rows: int64(len(ids))}, nil
}

func authors(t *testing.T, db *dbmodule.Database, n int) {
	t.Helper()
	for i := range n {
		if _, err := db.DB().NewInsert().Model(&author{ID: int64(i + 1), Name: "n"}).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A backfill that stops goes on with the piece that stopped, and writes no row
// twice. Between pieces others write.
func TestBackfill(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, others := dbtest.Open(t, cfg), dbtest.Open(t, cfg)
		stop := errors.New("not today")
		p := &pieces{before: func(from string) error {
			if from == "2" {
				return stop
			}
			return nil
		}}
		m := newMigrator(t, p.source())
		if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
			t.Fatal(err)
		}
		authors(t, db, 5)
		_, err := m.Upgrade(t.Context(), db, "head")
		var failed *migrate.StatementError
		if !errors.Is(err, stop) || !errors.As(err, &failed) || failed.Index != 2 ||
			!strings.Contains(err.Error(), "piece 2 of its backfill: not today; this piece was undone, the 1 before it stay done") {
			t.Fatal(err)
		}
		if s := state(t, m, db); !slices.Equal(s.Dirty, []string{"b2"}) || s.Ready() {
			t.Errorf("%+v", s)
		}
		stop = nil
		var told []string
		m = m.With(migrate.WithProgress(func(e migrate.Progress) {
			if e.Phase != migrate.PhaseStatement {
				return
			}
			told = append(told, fmt.Sprintf("%d pieces %d rows", e.Statement, e.Rows))
			if len(told) == 1 { // nobody holds anything now
				if _, err := others.DB().NewUpdate().Model((*author)(nil)).Set("name = 'other'").Where("id = 1").Exec(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}))
		if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
			t.Fatal(stepIDs(steps), err)
		}
		if want := []string{"", "2", "2", "4", "5"}; !slices.Equal(p.froms, want) {
			t.Errorf("pieces from %q, want %q", p.froms, want)
		}
		if want := []string{"2 pieces 2 rows", "3 pieces 3 rows", "4 pieces 3 rows"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		if n := count(t, db, "SELECT count(*) FROM authors WHERE name = 'nx'"); n != 4 {
			t.Errorf("%d rows written once", n)
		}
		if s := state(t, m, db); !s.Ready() || len(s.Drifted) > 0 {
			t.Errorf("%+v", s)
		}
		if steps, err := m.Downgrade(t.Context(), db, "a1"); err != nil || stepIDs(steps) != "b2" {
			t.Error(stepIDs(steps), err)
		}
	})
}

// A backfill is an error rather than an endless run, or one that goes on elsewhere than it
// said: the history holds another text for bytes that are none.
func TestBackfillThatGetsNowhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ next, want string }{
		"the same":  {"here", `b2: its Backfill did a piece from "here" and returned the same text as Next`},
		"none":      {"", `b2: its Backfill did a piece from "here" and returned neither Next nor Done`},
		"not UTF-8": {"a\xff", `b2: its Backfill did a piece from "here" and returned bytes as Next that are no text`},
		"a NUL":     {"a\x00b", `b2: its Backfill did a piece from "here" and returned bytes as Next that are no text`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, db *dbmodule.Database) {
				src, calls := (&pieces{}).source(), 0
				src.Code[0].Backfill = func(_ context.Context, _ bun.IDB, from string) (migrate.Piece, error) {
					if calls++; calls > 2 {
						return migrate.Piece{}, fmt.Errorf("it goes on from %q", from)
					}
					if from == "" {
						return migrate.Piece{Next: "here"}, nil
					}
					return migrate.Piece{Next: tt.next}, nil
				}
				_, err := newMigrator(t, src).Upgrade(t.Context(), db, "head")
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Error(err)
				}
			})
		})
	}
}

func TestBackfillIsTheOnlyWork(t *testing.T) {
	t.Parallel()
	src := (&pieces{}).source()
	src.Code[0].Upgrade = func(context.Context, bun.IDB) error { return nil }
	if _, err := migrate.New([]migrate.Source{src}); err == nil || !strings.Contains(err.Error(), "b2 has both Upgrade and Backfill") {
		t.Error(err)
	}
}
