package autogen_test

import (
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

type (
	unzoned struct {
		V time.Time `bun:"type:timestamp without time zone"`
	}
	momentText struct {
		V string `bun:"type:text"`
	}
	required struct {
		V int64 `bun:",notnull"`
	}
	withRequired struct {
		V int64
		W int64 `bun:",notnull"`
	}
)

// A time without a zone is one of UTC, as Bun writes it, whatever the zone of
// the session that runs the revision.
func TestZonesOfPostgres(t *testing.T) {
	t.Parallel()
	const taken, kept = "is read as UTC", "keeps its time in UTC"
	for name, test := range map[string]struct {
		old, new []any
		value    string
		up       string // a value after the way up
		down     string // and after that down
		warning  string
	}{
		"gets a zone":  {thing[unzoned](), thing[moment](), "2024-06-01 12:00:00", "2024-06-01 12:00:00+00", "2024-06-01 12:00:00", taken},
		"loses a zone": {thing[moment](), thing[unzoned](), "2024-06-01 12:00:00+00", "2024-06-01 12:00:00", "2024-06-01 12:00:00+00", kept},
		"to a date":    {thing[moment](), thing[day](), "2024-06-01 00:30:00+00", "2024-06-01", "2024-06-01 00:00:00+00", kept},
		"from a date":  {thing[day](), thing[moment](), "2024-06-01", "2024-06-01 00:00:00+00", "2024-06-01", taken},
		"from a text":  {thing[momentText](), thing[moment](), "2024-06-01 12:00:00", "2024-06-01 12:00:00+00", "2024-06-01 12:00:00+00", taken},
		"to a text":    {thing[moment](), thing[momentText](), "2024-06-01 12:00:00+00", "2024-06-01 12:00:00+00", "2024-06-01 12:00:00+00", taken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.Config(t, dbmodule.PostgreSQL)
			first := dbtest.Open(t, cfg)
			if _, err := first.DB().ExecContext(t.Context(), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'America/New_York'); END $$"); err != nil {
				t.Fatal(err)
			}
			whole := dbtest.Open(t, cfg)
			d := database{engine: dbmodule.PostgreSQL, db: whole.DB(), whole: whole}
			draft := compare(t, d.engine, realm(t, d.engine, test.old...), realm(t, d.engine, test.new...))
			if got := joinWarnings(draft.Warnings); !strings.Contains(got, test.warning) {
				t.Errorf("warnings are %s", got)
			}
			migrate(t, d, compare(t, d.engine, realm(t, d.engine), realm(t, d.engine, test.old...)).Up)
			run := func(statement string) string {
				t.Helper()
				var text string
				conn, err := whole.DB().Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := conn.ExecContext(t.Context(), "SET timezone = 'UTC'"); err != nil {
					t.Fatal(err)
				}
				if err := conn.NewRaw("?", bun.Safe(statement)).Scan(t.Context(), &text); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
				_, err = conn.ExecContext(t.Context(), "RESET timezone")
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			run("INSERT INTO things (id, v) VALUES (1, '" + test.value + "') RETURNING 'done'")
			migrateDraft(t, d, draft.Up, draft.Down)
			if got := run("SELECT v::text FROM things"); got != test.up {
				t.Errorf("it became %s, want %s, by\n%s", got, test.up, strings.Join(draft.Up, "\n"))
			}
			migrateDraft(t, d, draft.Down, draft.Up)
			if got := run("SELECT v::text FROM things"); got != test.down {
				t.Errorf("and %s after the way down, want %s, by\n%s", got, test.down, strings.Join(draft.Down, "\n"))
			}
		})
	}
}

// A way down that rows can stop is warned of, as one that loses something is.
func TestWarningsOfTheWayDown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		old, new []any
		want     string
	}{
		"a column becomes not null": {thing[required](), thing[number](), "down set-not-null|things(v)"},
		"a column comes not null":   {thing[withRequired](), thing[number](), "down add-not-null|things(w)"},
	} {
		for _, engine := range dbtest.Engines() {
			draft := compare(t, engine, realm(t, engine, test.old...), realm(t, engine, test.new...))
			var heads []string
			for _, w := range draft.Warnings {
				heads = append(heads, warningHead(w))
			}
			if got := strings.Join(heads, " "); !strings.Contains(got, test.want) {
				t.Errorf("%s on %s: %s", name, engine, got)
			}
		}
	}
}
