package dbtest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// scope is a test within a benchmark: it ends when the benchmark says so.
type scope struct {
	testing.TB
	cleanups []func()
}

func (s *scope) Cleanup(fn func()) { s.cleanups = append(s.cleanups, fn) }

func (s *scope) end() {
	for _, fn := range slices.Backward(s.cleanups) {
		fn()
	}
}

// BenchmarkNew measures a fresh database with the tables of five models,
// connected, and as drop-ms/op what its end takes.
func BenchmarkNew(b *testing.B) {
	each(b, func(b *testing.B, engine dbmodule.Engine) {
		benchmark(b, func(t testing.TB) { dbtest.New(t, engine, dbtest.WithModels(shop()...)) })
	})
}

// BenchmarkNewRevisions is BenchmarkNew for what revisions have made, with
// their version and history tables.
func BenchmarkNewRevisions(b *testing.B) {
	each(b, func(b *testing.B, engine dbmodule.Engine) {
		benchmark(b, func(t testing.TB) { dbtest.New(t, engine, dbtest.WithRevisions(revisions())) })
	})
}

// BenchmarkOpen measures an empty database, to compare.
func BenchmarkOpen(b *testing.B) {
	each(b, func(b *testing.B, engine dbmodule.Engine) {
		benchmark(b, func(t testing.TB) { dbtest.Open(t, dbtest.Config(t, engine)) })
	})
}

func each(b *testing.B, fn func(b *testing.B, engine dbmodule.Engine)) {
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) { fn(b, engine) })
	}
}

func benchmark(b *testing.B, open func(t testing.TB)) {
	open(b) // starts the server and builds the template
	var dropping time.Duration
	for b.Loop() {
		s := &scope{TB: b}
		open(s)
		b.StopTimer()
		began := time.Now()
		s.end()
		dropping += time.Since(began)
		b.StartTimer()
	}
	b.ReportMetric(dropping.Seconds()*1000/float64(b.N), "drop-ms/op")
}
