package httpstatus

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Sample has the values of pools and counters at one time.
type Sample struct {
	At time.Time `json:"at"`
	// Pools are the pools of all databases. For databases other than the server's own, the key
	// begins with the database's name, such as "archive writer".
	Pools map[dbmodule.Pool]Usage `json:"pools"`
	// Requests and Failed count requests since the start.
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	// P50 and P95 are the median and the 95th percentile, in seconds, of the requests that have
	// ended since the previous sample. They are estimates, wrong by at most half; 0 without
	// requests.
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	// Memory is the process's, in bytes.
	Memory int64 `json:"memory"`
	// Log is the size in bytes of SQLite's write-ahead log, 0 on other engines.
	Log int64 `json:"log"`
}

// Usage are the connections of a pool.
type Usage struct {
	InUse int `json:"in_use"`
	Open  int `json:"open"`
	// Max is 0 when there is no limit.
	Max int `json:"max"`
	// Waits is how many times somebody waited for a connection since the start.
	Waits int64 `json:"waits"`
}

// Report is the body of /status.json.
type Report struct {
	// State is ok, degraded or down, and Reasons say why it is not ok.
	State   string   `json:"state"`
	Reasons []string `json:"reasons"`

	At      time.Time `json:"at"`
	Started time.Time `json:"started"`
	Title   string    `json:"title"`
	Version string    `json:"version"`

	// DatabaseReport is about the server's own database, Databases about the others.
	DatabaseReport
	Databases []DatabaseReport `json:"databases,omitempty"`

	Samples    []Sample    `json:"samples"`
	Statements []Statement `json:"statements"`
	// Routes are the slowest routes, without probes and streams.
	Routes []Statement `json:"routes"`
	Errors []Failure   `json:"errors"`

	// MemoryLimit is GOMEMLIMIT in bytes, 0 for no limit.
	MemoryLimit int64 `json:"memory_limit"`
}

const (
	// reportMaxAge is how long the state that was read from the databases is reused.
	reportMaxAge = 4 * time.Second
	// tablesMaxAge is how long the sizes of tables are reused.
	tablesMaxAge = time.Minute
	// readTimeout is how long reading from the databases may take.
	readTimeout = 2 * time.Second
	// severeMaxAge is how long a severe error makes the state degraded.
	severeMaxAge = 5 * time.Minute
	// maxHistory is how many entries of the history are shown.
	maxHistory = 30
)

// reporter makes reports, one at a time.
type reporter struct {
	findings []Finding
	watcher  *Watcher
	// databases are the server's own, and then the others.
	databases []*databaseState
	info      httpmodule.Info
	log       *zap.Logger
	started   time.Time

	mu     sync.Mutex
	readAt time.Time
	found  []string
}

// follow takes a sample every sampleEvery until stop is closed.
func (r *reporter) follow(stop <-chan struct{}) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		r.sample()
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

func (r *reporter) sample() {
	sample := Sample{
		At: time.Now(), Pools: make(map[dbmodule.Pool]Usage),
		Requests: r.watcher.done.Load(), Failed: r.watcher.failed.Load(), Memory: memoryInUse(),
	}
	sample.P50, sample.P95 = r.watcher.latency.take()
	if storage := storageOf(r.databases[0].database); storage != nil {
		sample.Log = max(storage.Log, 0)
	}
	for _, one := range r.databases {
		for pool, stats := range one.database.PoolStats() {
			if one.name != "" {
				pool = dbmodule.Pool(one.name) + " " + pool
			}
			sample.Pools[pool] = Usage{
				InUse: stats.InUse, Open: stats.OpenConnections, Max: stats.MaxOpenConnections, Waits: stats.WaitCount,
			}
		}
	}
	r.watcher.samples.add(sample)
}

func (r *reporter) report(ctx context.Context) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.readAt) >= reportMaxAge {
		// Other requests reuse the result, so reading must not end with this request.
		ctx, cancel := context.WithTimeout(dbmodule.Unobserved(context.WithoutCancel(ctx)), readTimeout)
		defer cancel()
		r.read(ctx)
		r.readAt = time.Now()
	}
	report := Report{
		At: time.Now(), Started: r.started, Title: r.info.Title, Version: r.info.Version,
		DatabaseReport: r.databases[0].report(), MemoryLimit: memoryLimit(),
		Samples: r.watcher.samples.all(), Statements: r.watcher.statements.slowest(), Routes: r.watcher.routes.slowest(), Errors: r.watcher.errors.all(),
	}
	for _, one := range r.databases[1:] {
		report.Databases = append(report.Databases, one.report())
	}
	slices.Reverse(report.Errors)
	report.judge(r.found)
	return report
}

// read reads the state of all databases, concurrently, and then calls the findings.
func (r *reporter) read(ctx context.Context) {
	var all sync.WaitGroup
	for _, one := range r.databases {
		all.Go(func() { one.read(ctx) })
	}
	all.Wait()
	r.found = nil
	if r.databases[0].down != "" {
		return // findings read the server's own database
	}
	for _, find := range r.findings {
		sentence, err := find(ctx)
		if err != nil {
			r.log.Warn("status: can't read everything", zap.Error(err))
		}
		if sentence != "" {
			r.found = append(r.found, sentence)
		}
	}
}

// judge sets State and Reasons.
func (r *Report) judge(found []string) {
	r.State, r.Reasons = "ok", []string{}
	degraded := func(reasons ...string) {
		if len(reasons) > 0 {
			r.State, r.Reasons = "degraded", append(r.Reasons, reasons...)
		}
	}
	degraded(r.problems()...)
	for i := range r.Databases {
		degraded(r.Databases[i].problems()...)
	}
	if r.Down != "" {
		r.State = "down"
		return
	}
	degraded(found...)
	if n := len(r.Samples); n > 1 {
		for pool, now := range r.Samples[n-1].Pools {
			// On SQLite there is one writer connection, and waiting for it is normal.
			if now.Max > 1 && now.InUse >= now.Max && now.Waits > r.Samples[n-2].Pools[pool].Waits {
				degraded(fmt.Sprintf("all %d connections of the %s are in use and requests wait", now.Max, pool))
			}
		}
	}
	severe := 0
	for _, failure := range r.Errors {
		if failure.Severe && r.At.Sub(failure.At) < severeMaxAge {
			severe++
		}
	}
	if severe > 0 {
		degraded(fmt.Sprintf("%d errors of the server in the last 5 minutes: see below", severe))
	}
}
