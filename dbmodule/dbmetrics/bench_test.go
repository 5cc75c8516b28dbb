package dbmetrics_test

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbmetrics"
)

// BenchmarkStatement is one SELECT in a read-only session of its own, the
// cheapest statement there is, without and with metrics: what metrics cost is
// never a larger part.
func BenchmarkStatement(b *testing.B) {
	for _, kind := range []string{"off", "on"} {
		b.Run(kind, func(b *testing.B) {
			cfg := dbmodule.DefaultConfig()
			var err error
			cfg.URL, err = dbmodule.ParseURL("sqlite:///" + filepath.Join(b.TempDir(), "bench.db"))
			require.NoError(b, err)
			var opts []dbmodule.Option
			if kind == "on" {
				metrics, err := dbmetrics.New(prometheus.NewRegistry())
				require.NoError(b, err)
				opts = append(opts, dbmodule.WithObserver(metrics))
			}
			db, err := dbmodule.Open(cfg, nil, opts...)
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, db.Close()) })
			require.NoError(b, db.Connect(b.Context()))
			b.ReportAllocs()
			for b.Loop() {
				s := db.Sessions().New(dbmodule.ReadOnly())
				var one int
				if err := s.NewRaw("SELECT 1").Scan(b.Context(), &one); err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
