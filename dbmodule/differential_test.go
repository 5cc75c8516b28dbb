package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// The differential test makes up tables, queries, settings and DDL. Whatever they
// are, sessions that prepare statements answer as Bun does that sends text: the same
// rows, of the same Go types, and errors of the same kind.
//
// It runs for DBTEST_DIFFERENTIAL on each engine, 15s by default. A failure names a
// seed; DBTEST_SEED runs it again.

const (
	differentialWorkers = 8
	// differentialRuns are how often a unit of work runs: as new, then prepared.
	differentialRuns = 5
)

func TestSessionsAnswerAsTextDoes(t *testing.T) {
	t.Parallel()
	duration := 15 * time.Second
	if text := os.Getenv("DBTEST_DIFFERENTIAL"); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	seed := uint64(time.Now().UnixNano()) % 1e9
	if text := os.Getenv("DBTEST_SEED"); text != "" {
		_, err := fmt.Sscan(text, &seed)
		require.NoError(t, err)
	}
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.PoolSize, cfg.MaxOverflow, cfg.StatementCache = 4, 0, 5
		textCfg := dbtest.Config(t, cfg.URL.Engine())
		textCfg.PoolSize, textCfg.MaxOverflow, textCfg.StatementCache = 4, 0, 0
		prepared, text := dbtest.Open(t, cfg), dbtest.Open(t, textCfg)
		end := time.Now().Add(duration)
		var wg sync.WaitGroup
		var units, succeeded [differentialWorkers]int
		for i := range differentialWorkers {
			d := &differential{
				Rand: rand.New(rand.NewPCG(seed, uint64(i))), engine: cfg.URL.Engine(), prepared: prepared, text: text,
				worker: i, types: differentialTypes[cfg.URL.Engine()],
			}
			wg.Go(func() {
				for time.Now().Before(end) && !t.Failed() {
					if err := d.round(t.Context()); err != nil {
						t.Errorf("DBTEST_SEED=%d, worker %d: %v", seed, i, err)
					}
					units[i] += d.units
				}
				succeeded[i] = d.succeeded
			})
		}
		wg.Wait()
		all, well := 0, 0
		for i, n := range units {
			all, well = all+n, well+succeeded[i]
		}
		t.Logf("seed %d, %s: %d units of work, each run %d times; %d runs ended well", seed, cfg.URL.Engine(), all, differentialRuns, well)
		require.Positive(t, well)
	})
}

// differential is one worker, with a table of its own.
type differential struct {
	*rand.Rand
	engine         dbmodule.Engine
	prepared, text *dbmodule.Database
	worker, units  int
	types          []string
	table          string
	columns        []string
	typeOf         map[string]string // of the columns
	succeeded      int               // runs without an error
	onlyFitting    bool              // columns get no values that they may refuse
}

var differentialTypes = map[dbmodule.Engine][]string{
	dbmodule.SQLite: {"INTEGER", "TEXT", "REAL", "NUMERIC", "BLOB", "BOOLEAN", "TIMESTAMP", "DATE", "VARCHAR(5) COLLATE NOCASE"},
	dbmodule.PostgreSQL: {
		"SMALLINT", "INTEGER", "BIGINT", "NUMERIC(8,2)", "NUMERIC", "REAL", "DOUBLE PRECISION", "TEXT", "VARCHAR(5)", "CHAR(4)", "BOOLEAN", "BYTEA", "UUID",
		"DATE", "TIME", "TIMESTAMP", "TIMESTAMP(0)", "TIMESTAMPTZ", "INTERVAL", "INTERVAL HOUR", "JSON", "JSONB", "INET", "TEXT[]", "INTEGER[]", "state", "short", "MONEY",
	},
	dbmodule.MySQL: {
		"SMALLINT", "INT", "INT UNSIGNED", "BIGINT", "BIGINT UNSIGNED", "DECIMAL(8,2)", "FLOAT", "FLOAT(7,2)", "DOUBLE", "VARCHAR(5)", "TEXT", "CHAR(4)", "BOOLEAN",
		"BLOB", "VARBINARY(8)", "DATE", "TIME", "TIME(3)", "DATETIME", "DATETIME(6)", "YEAR", "ENUM('open', 'done')", "JSON", "BIT(8)", "VARCHAR(5) COLLATE utf8mb4_bin",
	},
}

// round makes up a table, and runs units of work on it.
func (d *differential) round(ctx context.Context) error {
	d.units = 0
	d.table, d.columns, d.typeOf = fmt.Sprintf("t%d", d.worker), nil, make(map[string]string)
	setup := []string{"DROP TABLE IF EXISTS " + d.table}
	create := "CREATE TABLE " + d.table + " (id INTEGER PRIMARY KEY"
	for i := range 2 + d.IntN(4) {
		typ := d.one(d.types...)
		d.columns = append(d.columns, fmt.Sprintf("c%d", i))
		d.typeOf[d.columns[i]] = typ
		create += fmt.Sprintf(", c%d %s", i, d.ownType(typ))
	}
	setup = append(setup, d.ownTypes()...)
	if err := d.both(ctx, append(setup, create+")")...); err != nil {
		return err
	}
	for range 12 {
		if d.IntN(6) == 0 {
			if err := d.alter(ctx); err != nil {
				return err
			}
		}
		if err := d.unit(ctx); err != nil {
			return fmt.Errorf("%s): %w", create, err)
		}
		d.units++
	}
	return nil
}

// ownTypes makes PostgreSQL's types that somebody made, once.
func (d *differential) ownTypes() []string {
	if d.engine != dbmodule.PostgreSQL {
		return nil
	}
	return []string{
		fmt.Sprintf("DROP TYPE IF EXISTS state%d, short%d", d.worker, d.worker), fmt.Sprintf("DROP DOMAIN IF EXISTS short%d", d.worker),
		fmt.Sprintf("CREATE TYPE state%d AS ENUM ('open', 'done')", d.worker),
		fmt.Sprintf("CREATE DOMAIN short%d AS varchar(6) CHECK (value <> 'done')", d.worker),
	}
}

func (d *differential) ownType(typ string) string {
	if typ == "state" || typ == "short" {
		return fmt.Sprint(typ, d.worker)
	}
	return typ
}

// both runs DDL on both databases, as sessions or without. What one refuses, the
// other must refuse.
func (d *differential) both(ctx context.Context, statements ...string) error {
	session := d.IntN(2) == 0
	for _, statement := range statements {
		var got error
		if session {
			got = d.prepared.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.ExecContext(ctx, statement)
				return err
			})
		} else {
			_, got = d.prepared.DB().ExecContext(ctx, statement)
		}
		_, want := d.text.DB().ExecContext(ctx, statement)
		if (got == nil) != (want == nil) {
			return fmt.Errorf("%s: %w, as text %w", statement, got, want)
		}
	}
	return nil
}

func (d *differential) alter(ctx context.Context) error {
	column, typ := d.one(d.columns...), d.one(d.types...)
	if d.IntN(3) == 0 {
		column = fmt.Sprintf("c%d", len(d.columns))
	}
	d.typeOf[column] = typ
	typ = d.ownType(typ)
	switch {
	case column == fmt.Sprintf("c%d", len(d.columns)):
		d.columns = append(d.columns, column)
		return d.both(ctx, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", d.table, column, typ))
	case d.engine == dbmodule.PostgreSQL:
		return d.both(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING NULL", d.table, column, typ))
	case d.engine == dbmodule.MySQL:
		return d.both(ctx, fmt.Sprintf("UPDATE %s SET %s = NULL", d.table, column), fmt.Sprintf("ALTER TABLE %s MODIFY %s %s NULL", d.table, column, typ))
	}
	return d.both(ctx, fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", d.table, column), fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", d.table, column, typ))
}

// unit runs a unit of work several times, with some values that stay and some that
// do not.
func (d *differential) unit(ctx context.Context) error {
	setting := ""
	if d.IntN(5) == 0 {
		setting = d.setting()
	}
	// A generic plan shortens or refuses the values of a SET only for rows that there are. A text's
	// values are refused when it is planned.
	d.onlyFitting = strings.Contains(setting, "force_generic_plan")
	var steps []step
	for range 1 + d.IntN(3) {
		steps = append(steps, d.step())
	}
	for i := range differentialRuns {
		now := ""
		if setting != "" && i >= d.IntN(3) {
			now = setting
		}
		var got, want []string
		gotErr := d.prepared.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) (err error) {
			got, err = perform(ctx, s, now, steps, i)
			return err
		}, dbmodule.MaxAttempts(1))
		wantErr := d.text.DB().RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) (err error) {
			want, err = perform(ctx, tx, now, steps, i)
			return err
		})
		if gotErr == nil {
			d.succeeded++
		}
		if difference := compare(got, want, gotErr, wantErr); difference != "" {
			texts := ""
			for _, s := range steps {
				texts += "\n  " + s.text + fmt.Sprintf(" with %q", s.values[i])
			}
			return fmt.Errorf("run %d, setting %q, of%s\n%s", i, now, texts, difference)
		}
	}
	return nil
}

func compare(got, want []string, gotErr, wantErr error) string {
	kind := func(err error) string {
		if typed := (*dbmodule.Error)(nil); errors.As(err, &typed) && typed.Kind != nil {
			return typed.Kind.Error()
		}
		return fmt.Sprint(err)
	}
	if kind(gotErr) != kind(wantErr) {
		return fmt.Sprintf("got the error %v\nas text %v", gotErr, wantErr)
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			return fmt.Sprintf("got %s\nas text %s", got, want)
		}
	}
	return ""
}

// perform runs the steps of a unit of work, each several times, and returns what
// came of them.
func perform(ctx context.Context, db bun.IDB, setting string, steps []step, i int) (results []string, err error) {
	if setting != "" {
		if _, err := db.ExecContext(ctx, setting); err != nil {
			return nil, err
		}
	}
	for _, s := range steps {
		result, err := s.run(ctx, db, s.text, s.values[i])
		if err != nil {
			return results, fmt.Errorf("%s: %w", s.text, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// rowsOf reads a result with the Go types that the driver returns.
func rowsOf(ctx context.Context, db bun.IDB, query string, args []any) (string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return "", err
		}
		for i, v := range values {
			fmt.Fprintf(&b, "%s=%T(%#v) ", columns[i], v, v)
		}
		b.WriteByte('\n')
	}
	return b.String(), rows.Err()
}

func affectedOf(ctx context.Context, db bun.IDB, query string, args []any) (string, error) {
	result, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	n, err := result.RowsAffected()
	return fmt.Sprint(n), err
}

func (d *differential) one(all ...string) string { return all[d.IntN(len(all))] }
