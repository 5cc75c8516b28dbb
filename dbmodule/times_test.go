package dbmodule_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// appointment has a time in every column that can keep one.
type appointment struct {
	bun.BaseModel `bun:"table:appointments"`

	ID    int64                `bun:",pk,autoincrement"`
	At    time.Time            `bun:"at"`
	Wall  time.Time            `bun:"wall"`
	Later *time.Time           `bun:"later"`
	Maybe bun.NullTime         `bun:"maybe"`
	Doc   map[string]time.Time `bun:"doc,type:json"`
}

func appointmentAt(at time.Time) *appointment {
	return &appointment{At: at, Wall: at, Later: &at, Maybe: bun.NullTime{Time: at}, Doc: map[string]time.Time{"at": at}}
}

var createAppointments = map[dbmodule.Engine]string{
	dbmodule.SQLite:     "CREATE TABLE appointments (id INTEGER PRIMARY KEY AUTOINCREMENT, at TIMESTAMP, wall TIMESTAMP, later TIMESTAMP, maybe TIMESTAMP, doc TEXT)",
	dbmodule.PostgreSQL: "CREATE TABLE appointments (id BIGSERIAL PRIMARY KEY, at TIMESTAMPTZ, wall TIMESTAMP, later TIMESTAMPTZ, maybe TIMESTAMPTZ, doc JSONB)",
	dbmodule.MySQL:      "CREATE TABLE appointments (id BIGINT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6), wall TIMESTAMP(6) NULL, later DATETIME(6), maybe DATETIME(6), doc JSON)",
}

// moments are in a zone that is not UTC, most of them close to a change of its clocks.
func moments(t *testing.T) map[string]time.Time {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	utc := func(month time.Month, day, hour, minute, second int) time.Time {
		return time.Date(2026, month, day, hour, minute, second, 123_456_000, time.UTC).In(berlin)
	}
	return map[string]time.Time{
		"summer":                 utc(time.July, 1, 10, 0, 0),
		"winter":                 utc(time.January, 1, 11, 0, 0),
		"before clocks go ahead": utc(time.March, 29, 0, 59, 59),
		"after clocks went on":   utc(time.March, 29, 1, 0, 0),
		"02:30 for once":         utc(time.October, 25, 0, 30, 0),
		"02:30 again":            utc(time.October, 25, 1, 30, 0),
		"elsewhere":              utc(time.July, 1, 10, 0, 0).In(time.FixedZone("", 5*3600+45*60)),
		"now":                    time.Now().Truncate(time.Microsecond),
	}
}

// placeholders are the driver's own for two values.
var placeholders = map[dbmodule.Engine]string{
	dbmodule.SQLite: "(?, ?, ?)", dbmodule.PostgreSQL: "($1, $2, $3)", dbmodule.MySQL: "(?, ?, ?)",
}

// waysIn store a time in a row, in the columns at and wall at least.
func waysIn(engine dbmodule.Engine) map[string]func(ctx context.Context, db bun.IDB, at time.Time) error {
	did := func(_ sql.Result, err error) error { return err }
	return map[string]func(ctx context.Context, db bun.IDB, at time.Time) error{
		"model": func(ctx context.Context, db bun.IDB, at time.Time) error {
			return did(db.NewInsert().Model(appointmentAt(at)).Exec(ctx))
		},
		"bulk": func(ctx context.Context, db bun.IDB, at time.Time) error {
			return did(db.NewInsert().Model(&[]*appointment{appointmentAt(at), appointmentAt(at)}).Exec(ctx))
		},
		"map": func(ctx context.Context, db bun.IDB, at time.Time) error {
			return did(db.NewInsert().Model(&map[string]any{"at": at, "wall": &at}).TableExpr("appointments").Exec(ctx))
		},
		"value": func(ctx context.Context, db bun.IDB, at time.Time) error {
			return did(db.NewInsert().Model(&appointment{Wall: at}).Value("at", "?", at).Exec(ctx))
		},
		"set": func(ctx context.Context, db bun.IDB, at time.Time) error {
			row := &appointment{At: at.Add(time.Hour), Wall: at.Add(time.Hour)}
			if err := did(db.NewInsert().Model(row).Exec(ctx)); err != nil {
				return err
			}
			return did(db.NewUpdate().Model(row).Set("at = ?, wall = ?", at, at).WherePK().Exec(ctx))
		},
		"update": func(ctx context.Context, db bun.IDB, at time.Time) error {
			row := &appointment{At: at.Add(time.Hour), Wall: at.Add(time.Hour)}
			if err := did(db.NewInsert().Model(row).Exec(ctx)); err != nil {
				return err
			}
			row.At, row.Wall = at, at
			return did(db.NewUpdate().Model(row).WherePK().Exec(ctx))
		},
		"raw": func(ctx context.Context, db bun.IDB, at time.Time) error {
			return did(db.NewRaw("INSERT INTO appointments (at, wall) VALUES (?, ?)", at, at).Exec(ctx))
		},
		"text": func(ctx context.Context, db bun.IDB, at time.Time) error {
			return did(db.ExecContext(ctx, "INSERT INTO appointments (at, wall) VALUES (?, ?)", at, sql.NullTime{Time: at, Valid: true}))
		},
		"driver": func(ctx context.Context, db bun.IDB, at time.Time) error {
			plain, ok := db.(*bun.DB)
			if !ok {
				return did(db.ExecContext(ctx, "INSERT INTO appointments (at, wall) VALUES (?, ?)", at, at))
			}
			return did(plain.DB.ExecContext(ctx, "INSERT INTO appointments (at, wall, later) VALUES "+placeholders[engine], at, &at, sql.NullTime{Time: at, Valid: true}))
		},
		"prepared": func(ctx context.Context, db bun.IDB, at time.Time) error {
			plain, ok := db.(*bun.DB)
			if !ok {
				return did(db.ExecContext(ctx, "INSERT INTO appointments (at, wall) VALUES (?, ?)", at, at))
			}
			st, err := plain.DB.PrepareContext(ctx, "INSERT INTO appointments (at, wall, later) VALUES "+placeholders[engine])
			if err != nil {
				return err
			}
			defer func() { _ = st.Close() }()
			return did(st.ExecContext(ctx, at, at, at))
		},
	}
}

// A time is the same moment on every engine, however it goes in and comes out, in
// whatever zone it is told.
func TestTimesAreMoments(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		_, err := db.DB().ExecContext(ctx, createAppointments[db.Engine()])
		require.NoError(t, err)
		for way, in := range waysIn(db.Engine()) {
			for name, at := range moments(t) {
				name = fmt.Sprintf("%s, %s", way, name)
				for range 2 { // prepared, too
					require.NoError(t, db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
						return in(ctx, s, at)
					}), name)
				}
				require.NoError(t, in(ctx, db.Sessions().New(dbmodule.Autocommit()), at), name)
				require.NoError(t, in(ctx, db.DB(), at), name)
				lookFor(ctx, t, db, name, at)
				_, err := db.DB().NewTruncateTable().Model((*appointment)(nil)).Exec(ctx)
				require.NoError(t, err)
			}
		}
	})
}

// lookFor reads the rows back in every way, and finds them by their time. All rows
// have the same.
func lookFor(ctx context.Context, t *testing.T, db *dbmodule.Database, name string, at time.Time) {
	t.Helper()
	s := db.Sessions().New(dbmodule.ReadOnly())
	defer func() { require.NoError(t, s.Close()) }()
	var rows []appointment
	require.NoError(t, s.NewSelect().Model(&rows).Scan(ctx), name)
	require.GreaterOrEqual(t, len(rows), 4, name)
	for _, row := range rows {
		assert.True(t, row.At.Equal(at), "%s: at %s, not %s", name, row.At, at)
		assert.True(t, row.Wall.Equal(at), "%s: wall %s, not %s", name, row.Wall, at)
		if row.Later != nil {
			assert.True(t, row.Later.Equal(at), "%s: later %s, not %s", name, row.Later, at)
		}
		if !row.Maybe.IsZero() {
			assert.True(t, row.Maybe.Equal(at), "%s: maybe %s, not %s", name, row.Maybe, at)
		}
		if row.Doc != nil {
			assert.True(t, row.Doc["at"].Equal(at), "%s: doc %s, not %s", name, row.Doc["at"], at)
		}
	}
	var scanned time.Time
	require.NoError(t, s.QueryRowContext(ctx, "SELECT at FROM appointments WHERE at = ? LIMIT 1", at).Scan(&scanned), name)
	assert.True(t, scanned.Equal(at), "%s: row %s, not %s", name, scanned, at)
	second := time.Microsecond
	for _, zone := range []*time.Location{at.Location(), time.UTC, time.FixedZone("", -3*3600)} {
		for range 2 {
			n, err := s.NewSelect().Model((*appointment)(nil)).Where("at = ? AND wall = ?", at.In(zone), at.In(zone)).
				Where("at > ? AND wall < ?", at.In(zone).Add(-second), at.In(zone).Add(second)).Count(ctx)
			require.NoError(t, err, name)
			assert.EqualValues(t, len(rows), n, "%s, looked for in %s", name, zone)
		}
	}
}

// What is finer than a column keeps is cut, in whichever way it goes in.
func TestTimesAreCutToMicroseconds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		_, err := db.DB().ExecContext(ctx, createAppointments[db.Engine()])
		require.NoError(t, err)
		at := time.Date(2026, time.July, 1, 12, 0, 0, 123_456_789, time.FixedZone("", 7200))
		for way, in := range waysIn(db.Engine()) {
			for range 4 {
				require.NoError(t, in(ctx, db.DB(), at), way)
			}
			var rows []appointment
			require.NoError(t, db.DB().NewSelect().Model(&rows).Scan(ctx))
			for _, row := range rows {
				assert.True(t, row.At.Equal(at.Truncate(time.Microsecond)), "%s: %s", way, row.At)
			}
			_, err := db.DB().NewTruncateTable().Model((*appointment)(nil)).Exec(ctx)
			require.NoError(t, err)
		}
	})
}

// A time comes back with the same Go type and location however it is read: by a
// statement that runs as text or prepared, for the first time or the fifth, with or
// without arguments of the driver's.
func TestTimesComeBackInOneLocation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		_, err := db.DB().ExecContext(ctx, createAppointments[db.Engine()])
		require.NoError(t, err)
		_, err = db.DB().NewInsert().Model(appointmentAt(time.Date(2026, time.July, 1, 10, 0, 0, 123_456_000, time.UTC))).Exec(ctx)
		require.NoError(t, err)

		const text = "SELECT at, wall FROM appointments WHERE id = "
		placeholder := map[dbmodule.Engine]string{dbmodule.PostgreSQL: "$1"}[db.Engine()]
		if placeholder == "" {
			placeholder = "?"
		}
		st, err := db.DB().DB.PrepareContext(ctx, text+placeholder)
		require.NoError(t, err)
		defer func() { require.NoError(t, st.Close()) }()

		var first string
		look := func(way string, scan func(dest ...any) error) {
			t.Helper()
			var anyAt, anyWall any
			require.NoError(t, scan(&anyAt, &anyWall), way)
			var at, wall time.Time
			require.NoError(t, scan(&at, &wall), way)
			found := fmt.Sprintf("%T %v, %T %v, %s %s, %s %s", anyAt, anyAt, anyWall, anyWall, at, at.Location(), wall, wall.Location())
			if first == "" {
				first = found
			}
			assert.Equal(t, first, found, way)
		}
		for run := range 5 {
			s := db.Sessions().New()
			look(fmt.Sprint("builder, ", run), func(dest ...any) error {
				return s.NewSelect().Table("appointments").Column("at", "wall").Where("id = ?", 1).Scan(ctx, dest...)
			})
			look(fmt.Sprint("session, ", run), func(dest ...any) error { return s.QueryRowContext(ctx, text+"?", 1).Scan(dest...) })
			require.NoError(t, s.Close())
			look(fmt.Sprint("text, ", run), func(dest ...any) error { return db.DB().DB.QueryRowContext(ctx, text+"1").Scan(dest...) })
			look(fmt.Sprint("argument, ", run), func(dest ...any) error {
				return db.DB().DB.QueryRowContext(ctx, text+placeholder, 1).Scan(dest...)
			})
			look(fmt.Sprint("statement, ", run), func(dest ...any) error { return st.QueryRowContext(ctx, 1).Scan(dest...) })
		}
	})
}

func TestTimesOfFixtures(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg, dbmodule.WithModels((*appointment)(nil)))
		_, err := db.DB().ExecContext(t.Context(), createAppointments[db.Engine()])
		require.NoError(t, err)
		for _, text := range []string{"2026-10-25T02:30:00.123456+02:00", "2026-10-25T02:30:00.123456+01:00"} {
			dbtest.Fixtures(t, db, fstest.MapFS{"rows.yml": {Data: []byte("- model: Appointment\n  rows:\n" +
				"  - {at: " + text + ", wall: " + text + "}\n  - {at: " + text + ", wall: " + text + "}\n" +
				"  - {at: " + text + ", wall: " + text + "}\n  - {at: " + text + ", wall: " + text + "}\n")}}, "rows.yml")
			at, err := time.Parse(time.RFC3339Nano, text)
			require.NoError(t, err)
			lookFor(t.Context(), t, db, "fixtures", at)
			_, err = db.DB().NewTruncateTable().Model((*appointment)(nil)).Exec(t.Context())
			require.NoError(t, err)
		}
	})
}

// The zone of the process must not matter either.
func TestTimesInAnotherZone(t *testing.T) {
	t.Parallel()
	if os.Getenv("TZ") != "" {
		t.Log("runs in the zone already") // the process below
		return
	}
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^(TestTimesAreMoments|TestTimesComeBackInOneLocation|TestTimesOfFixtures)$", "-test.count=1")
	run.Env = append(os.Environ(), "TZ=Europe/Berlin")
	output, err := run.CombinedOutput()
	require.NoError(t, err, "%s", output)
	assert.Contains(t, string(output), "PASS")
}
