package feed_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/feed"
)

// BenchmarkLatency measures the time from the return of Commit to the hint, at 100 commits
// per second, within the process and between two, with the default settings:
//
//	go test ./dbmodule/feed -run - -bench Latency -benchtime 300x
func BenchmarkLatency(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		for _, across := range []bool{false, true} {
			name := string(engine) + "/within"
			if across {
				name = string(engine) + "/across"
			}
			b.Run(name, func(b *testing.B) {
				cfg := dbtest.Config(b, engine)
				writer := benchProcess(b, cfg)
				reader := writer
				if across {
					reader = benchProcess(b, cfg)
				}
				sub := reader.feed.Subscribe(topic, "a")
				if engine == dbmodule.PostgreSQL {
					require.Eventually(b, reader.feed.Carried, time.Minute, time.Millisecond)
				}
				took := make([]time.Duration, 0, b.N)
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				for n := int64(1); b.Loop(); n++ {
					<-tick.C
					for hinted(sub) { // of an earlier commit
					}
					require.NoError(b, writer.set(b.Context(), "a", n))
					began := time.Now()
					for reader.read(b.Context(), "a") != n {
						<-sub.Hints()
					}
					<-sub.Hints()
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	}
}

func benchProcess(b *testing.B, cfg dbmodule.Config) *process {
	b.Helper()
	db := dbtest.Open(b, cfg, dbmodule.WithModels((*Counter)(nil)), dbmodule.WithTables(autogen.NewTables()))
	require.NoError(b, db.CreateTables(b.Context()))
	f, err := feed.New(feed.DefaultConfig(), nil, db, feed.Topic{Name: topic, Versions: versions})
	require.NoError(b, err)
	require.NoError(b, f.Start(b.Context()))
	b.Cleanup(func() { _ = f.Close() })
	return &process{db, f}
}

// BenchmarkPublish measures what publishing adds to a unit of work: of nobody's interest, and
// with 1000 subscribers of 100 keys in the process.
func BenchmarkPublish(b *testing.B) {
	for name, subscribers := range map[string]int{"nobody": 0, "thousand": 1000} {
		b.Run(name, func(b *testing.B) {
			db := dbtest.Open(b, dbtest.Config(b, dbmodule.SQLite))
			f, err := feed.New(feed.DefaultConfig(), nil, db)
			require.NoError(b, err)
			keys := make([]string, 100)
			for i := range keys {
				keys[i] = string(rune('a' + i))
			}
			for i := range subscribers {
				defer f.Subscribe(topic, keys[i%100]).Close()
			}
			s := db.Sessions().New()
			defer s.Close()
			for i := 0; b.Loop(); i++ {
				if err := publishAlone(b.Context(), f, s, keys[i%100]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func publishAlone(ctx context.Context, f *feed.Feed, s *dbmodule.Session, key string) error {
	if err := f.Publish(ctx, s, topic, key); err != nil {
		return err
	}
	return s.Commit(ctx) // without a transaction it only runs the hooks
}
