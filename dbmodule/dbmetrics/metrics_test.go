package dbmetrics_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbmetrics"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

type book struct {
	bun.BaseModel `bun:"table:books"`

	ID    int64  `bun:"id,pk,autoincrement"`
	Title string `bun:"title,notnull,unique,type:varchar(100)"`
}

// open opens a database whose metrics are on a registry of its own.
func open(t *testing.T, cfg dbmodule.Config) (*dbmodule.Database, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	metrics, err := dbmetrics.New(registry)
	require.NoError(t, err)
	db := dbtest.Open(t, cfg, dbmodule.WithObserver(metrics))
	require.NoError(t, metrics.Watch(t.Context(), db))
	return db, registry
}

// value returns a metric's sample, for a histogram its count; labels as in
// name{a="b"}.
func value(t *testing.T, registry *prometheus.Registry, series string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			if name == series {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	t.Fatalf("there is no %s", series)
	return 0
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, registry := open(t, cfg)
		_, err := db.DB().NewCreateTable().Model((*book)(nil)).Exec(t.Context())
		require.NoError(t, err)
		store := func(title string) error {
			return db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.NewInsert().Model(&book{Title: title}).Exec(ctx)
				return err
			})
		}
		require.NoError(t, store("Emma"))
		require.ErrorIs(t, store("Emma"), dbmodule.ErrUnique)
		again := true
		require.NoError(t, db.Sessions().InTx(t.Context(), func(context.Context, *dbmodule.Session) error {
			if again {
				again = false
				return dbmodule.ErrConflict
			}
			return nil
		}))
		for series, want := range map[string]float64{
			`db_client_operations_total{db_operation_name="insert",outcome="ok"}`:             1,
			`db_client_operations_total{db_operation_name="insert",outcome="unique"}`:         1,
			`db_client_operations_total{db_operation_name="commit",outcome="ok"}`:             1,
			`db_client_operations_total{db_operation_name="rollback",outcome="ok"}`:           1,
			`db_client_operation_duration_seconds{db_operation_name="insert"}`:                2,
			`db_client_transactions_total{outcome="commit"}`:                                  1,
			`db_client_transactions_total{outcome="rollback"}`:                                1,
			`db_client_transactions_total{outcome="commit_unknown"}`:                          0,
			`db_client_unit_of_work_retries_total{error_type="conflict"}`:                     1,
			`db_client_connection_wait_time_seconds{db_client_connection_pool_name="writer"}`: 2,
			`db_client_connection_use_time_seconds{db_client_connection_pool_name="writer"}`:  2,
			`db_schema_state{state="current"}`:                                                1,
			`db_schema_state{state="unreadable"}`:                                             0,
		} {
			require.InDelta(t, want, value(t, registry, series), 0, series)
		}
		// The scrape itself reads the state of the schema, so it may see its own connection.
		used := `db_client_connections{db_client_connection_pool_name="writer",db_client_connection_state="used"}`
		require.Eventually(t, func() bool { return value(t, registry, used) == 0 }, time.Minute, time.Millisecond)
	})
}

// TestNames lets Prometheus' own linter read the metrics.
func TestNames(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		_, registry := open(t, cfg)
		problems, err := testutil.GatherAndLint(registry)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}

// TestScrapeOfADatabaseThatIsGone expects the rest of the metrics and a word
// about the schema.
func TestScrapeOfADatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL("sqlite:////nowhere/at/all.db")
	require.NoError(t, err)
	registry := prometheus.NewPedanticRegistry()
	metrics, err := dbmetrics.New(registry)
	require.NoError(t, err)
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithObserver(metrics),
		dbmodule.WithModels((*book)(nil)), dbmodule.WithTables(autogen.NewTables()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, metrics.Watch(t.Context(), db))
	require.InDelta(t, 1, value(t, registry, `db_schema_state{state="unreadable"}`), 0)
	require.InDelta(t, 0, value(t, registry, `db_schema_state{state="current"}`), 0)
}

func TestTwiceOnOneRegistry(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := dbmetrics.New(registry)
	require.NoError(t, err)
	_, err = dbmetrics.New(registry)
	require.ErrorContains(t, err, "dbmetrics: register")
	require.Error(t, metrics.Watch(t.Context(), nil))
}
