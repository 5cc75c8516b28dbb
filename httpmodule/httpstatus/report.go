package httpstatus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
)

// Sample is one look at the pools and counters.
type Sample struct {
	At    time.Time               `json:"at"`
	Pools map[dbmodule.Pool]Usage `json:"pools"`
	// Requests and Failed count from the start.
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	// P50 and P95 are the durations, in seconds, below which half and 95 % of the requests
	// stayed that ended since the sample before, rounded up by at most half; 0 without any.
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	// Memory is the process's, in bytes.
	Memory int64 `json:"memory"`
	// Log is the size in bytes of SQLite's write-ahead log, 0 on other engines.
	Log int64 `json:"log"`
}

// Usage is a pool's.
type Usage struct {
	InUse int `json:"in_use"`
	Open  int `json:"open"`
	// Max is 0 when there is no limit.
	Max int `json:"max"`
	// Waits counts from the start.
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
	Engine  string    `json:"engine"`

	Samples    []Sample              `json:"samples"`
	Statements []Statement           `json:"statements"`
	Schema     *dbmodule.SchemaState `json:"schema"`
	History    []migrate.Entry       `json:"history"`
	Tables     []Table               `json:"tables"`
	// TablesNote says why Tables lacks something, "" if it does not.
	TablesNote string    `json:"tables_note,omitempty"`
	Errors     []Failure `json:"errors"`

	// MemoryLimit is what the process keeps to, in bytes, 0 for no limit.
	MemoryLimit int64 `json:"memory_limit"`
	// Storage is nil unless the database is a file.
	Storage *Storage `json:"storage,omitempty"`
}

const (
	// reportMaxAge is how long what was read from the database serves.
	reportMaxAge = 4 * time.Second
	// tablesMaxAge is how long the sizes of tables do.
	tablesMaxAge = time.Minute
	// readTimeout bounds reading.
	readTimeout = 2 * time.Second
	// recent is how far back an error makes the state degraded.
	recent = 5 * time.Minute
	// mostHistory bounds how many entries of the history are shown.
	mostHistory = 30
)

// reporter makes reports, one at a time.
type reporter struct {
	findings []Finding
	watcher  *Watcher
	database *dbmodule.Database
	migrator *migrate.Migrator // nil without revisions
	info     httpmodule.Info
	log      *zap.Logger
	started  time.Time

	mu         sync.Mutex
	read       time.Time
	tablesRead time.Time
	down       string
	found      []string
	schema     *dbmodule.SchemaState
	history    []migrate.Entry
	tables     []Table
}

func (r *reporter) sample() {
	sample := Sample{
		At: time.Now(), Pools: make(map[dbmodule.Pool]Usage),
		Requests: r.watcher.done.Load(), Failed: r.watcher.failed.Load(), Memory: memoryInUse(),
	}
	sample.P50, sample.P95 = r.watcher.latency.take()
	if storage := storageOf(r.database); storage != nil {
		sample.Log = max(storage.Log, 0)
	}
	for pool, stats := range r.database.PoolStats() {
		sample.Pools[pool] = Usage{
			InUse: stats.InUse, Open: stats.OpenConnections, Max: stats.MaxOpenConnections, Waits: stats.WaitCount,
		}
	}
	r.watcher.samples.add(sample)
}

func (r *reporter) report(ctx context.Context) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.read) >= reportMaxAge {
		// Others get this answer too: it must not end with this request.
		ctx, cancel := context.WithTimeout(dbmodule.Unobserved(context.WithoutCancel(ctx)), readTimeout)
		defer cancel()
		r.look(ctx)
		r.read = time.Now()
	}
	report := Report{
		At: time.Now(), Started: r.started, Title: r.info.Title, Version: r.info.Version, Engine: string(r.database.Engine()),
		Samples: r.watcher.samples.all(), Statements: r.watcher.statements.slowest(), Errors: r.watcher.errors.all(),
		Schema: r.schema, History: r.history, Tables: r.tables, TablesNote: tablesNote(r.database.Engine(), r.tables),
		MemoryLimit: memoryLimit(), Storage: storageOf(r.database),
	}
	slices.Reverse(report.Errors)
	report.judge(r.down, r.found)
	return report
}

// look reads what only the database knows. What can't be read is left out, and
// the log says why.
func (r *reporter) look(ctx context.Context) {
	r.down, r.schema, r.found = "", nil, nil
	if err := r.database.Ping(ctx); err != nil {
		r.log.Warn("status: the database does not answer", zap.Error(err))
		r.down = "the database does not answer: " + causeOf(err)
		return
	}
	state, err := r.database.SchemaState(ctx)
	if err == nil {
		r.schema = &state
		err = r.lookFurther(ctx)
	}
	if err != nil {
		r.log.Warn("status: not all can be read", zap.Error(err))
	}
	for _, find := range r.findings {
		sentence, err := find(ctx)
		if err != nil {
			r.log.Warn("status: not all can be read", zap.Error(err))
		}
		if sentence != "" {
			r.found = append(r.found, sentence)
		}
	}
}

// causeOf is why a database does not answer, such as "connection refused", without a
// password: the page's data needs the key.
func causeOf(err error) string {
	var known *dbmodule.Error
	if errors.As(err, &known) {
		return known.Error()
	}
	return err.Error()
}

func (r *reporter) lookFurther(ctx context.Context) (err error) {
	session := r.database.Sessions().New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	if r.migrator != nil {
		history, err := r.migrator.History(ctx, session)
		if err != nil {
			return err
		}
		slices.Reverse(history)
		r.history = history[:min(len(history), mostHistory)]
	}
	if time.Since(r.tablesRead) < tablesMaxAge {
		return nil
	}
	tables, err := readTables(ctx, r.database.Engine(), session)
	if err == nil {
		r.tables, r.tablesRead = tables, time.Now()
	}
	return err
}

// judge says whether all is well.
func (r *Report) judge(down string, found []string) {
	r.State, r.Reasons = "ok", []string{}
	degraded := func(reason string) { r.State, r.Reasons = "degraded", append(r.Reasons, reason) }
	switch {
	case down != "":
		r.State, r.Reasons = "down", []string{down}
		return
	case r.Schema == nil:
		degraded("the schema can't be read")
	case !r.Schema.Ready:
		hindering, _ := r.Schema.Problems()
		for _, reason := range hindering {
			degraded(reason)
		}
	}
	for _, sentence := range found {
		degraded(sentence)
	}
	if n := len(r.Samples); n > 1 {
		for pool, now := range r.Samples[n-1].Pools {
			// SQLite has one writer: that others queue for it is normal.
			if now.Max > 1 && now.InUse >= now.Max && now.Waits > r.Samples[n-2].Pools[pool].Waits {
				degraded(fmt.Sprintf("all %d connections of the %s are in use and requests wait", now.Max, pool))
			}
		}
	}
	severe := 0
	for _, failure := range r.Errors {
		if failure.Severe && r.At.Sub(failure.At) < recent {
			severe++
		}
	}
	if severe > 0 {
		degraded(fmt.Sprintf("%d errors of the server in the last 5 minutes: see below", severe))
	}
}
