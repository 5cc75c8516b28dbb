package dbmetrics_test

import (
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbmetrics"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// The sizes are the file's and its log's, or what the server tells.
func TestStorage(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, registry := open(t, cfg)
		_, err := db.DB().NewCreateTable().Model((*book)(nil)).Exec(t.Context())
		require.NoError(t, err)
		if cfg.URL.Engine() != dbmodule.SQLite {
			require.Greater(t, value(t, registry, "db_storage_bytes"), 1000.0)
			return
		}
		for series, suffix := range map[string]string{"db_storage_bytes": "", "db_storage_wal_bytes": "-wal"} {
			info, err := os.Stat(cfg.URL.Path() + suffix)
			require.NoError(t, err)
			require.InDelta(t, float64(info.Size()), value(t, registry, series), 0, series)
		}
		require.Positive(t, value(t, registry, "db_storage_wal_bytes"))
	})
}

// A database in memory has no size, and what can't be read is left out.
func TestStorageThatHasNoSize(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"sqlite://", "sqlite:////nowhere/at/all.db"} {
		cfg := dbmodule.DefaultConfig()
		var err error
		cfg.URL, err = dbmodule.ParseURL(url)
		require.NoError(t, err)
		registry := prometheus.NewPedanticRegistry()
		metrics, err := dbmetrics.New(registry)
		require.NoError(t, err)
		db, err := dbmodule.Open(cfg, nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		require.NoError(t, metrics.Watch(t.Context(), db))
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			require.NotEqual(t, "db_storage_bytes", family.GetName(), url)
		}
	}
}
