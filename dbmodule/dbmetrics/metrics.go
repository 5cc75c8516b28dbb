package dbmetrics

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhands-go/server/dbmodule"
)

// Metrics counts what a database does. It is safe for concurrent use. Make one
// with [New].
type Metrics struct {
	registerer prometheus.Registerer

	statements   map[string]*operationMetrics
	others       *operationMetrics
	waits        map[dbmodule.Pool]waitMetrics // of the pools that every database may have
	newWaits     func(dbmodule.Pool) waitMetrics
	transactions map[dbmodule.Outcome]prometheus.Counter
	retries      *prometheus.CounterVec
}

var _ dbmodule.Observer = (*Metrics)(nil)

// operationMetrics are the metrics of one kind of statement.
type operationMetrics struct {
	duration prometheus.Observer
	ok       prometheus.Counter
	outcomes *prometheus.CounterVec // all labels are set but the outcome
}

// waitMetrics are the metrics of one pool.
type waitMetrics struct {
	wait, use prometheus.Observer
	timeouts  prometheus.Counter
}

// outcomeOK is the outcome of a statement that succeeded; the others are
// dbmodule.ErrorKinds.
const outcomeOK = "ok"

// operationsByName maps a statement's operation to its label. All other statements have the label
// other.
var operationsByName = map[string]string{
	"SELECT": "select", "INSERT": "insert", "UPDATE": "update", "DELETE": "delete",
	"BEGIN": "begin", "COMMIT": "commit", "ROLLBACK": "rollback",
}

// buckets are OpenTelemetry's for databases, in seconds, and two smaller ones, because a statement
// of SQLite takes microseconds.
var buckets = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

// vectors are the registered metrics.
type vectors struct {
	duration, wait, use                       *prometheus.HistogramVec
	outcomes, timeouts, transactions, retries *prometheus.CounterVec
}

func newVectors() vectors {
	return vectors{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "db_client_operation_duration_seconds",
			Help:    "How long statements took, their rows included, by operation.",
			Buckets: buckets,
		}, []string{"db_operation_name"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "db_client_operations_total",
			Help: "Statements by operation and outcome: ok or the kind of error.",
		}, []string{"db_operation_name", "outcome"}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "db_client_connection_wait_time_seconds",
			Help:    "How long sessions waited for a connection, making it included, by pool.",
			Buckets: buckets,
		}, []string{"db_client_connection_pool_name"}),
		use: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "db_client_connection_use_time_seconds",
			Help:    "How long sessions kept a connection, by pool: the duration of units of work.",
			Buckets: buckets,
		}, []string{"db_client_connection_pool_name"}),
		timeouts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "db_client_connection_timeouts_total",
			Help: "Sessions that got no connection within DATABASE_POOL_TIMEOUT, by pool.",
		}, []string{"db_client_connection_pool_name"}),
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "db_client_transactions_total",
			Help: "Transactions by outcome: commit, rollback, commit_failed, or commit_unknown for those whose COMMIT got no answer.",
		}, []string{"outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "db_client_unit_of_work_retries_total",
			Help: "Units of work that were run again, by the kind of error that made them.",
		}, []string{"error_type"}),
	}
}

// New makes and registers all metrics except those of [Metrics.Watch]. It returns an error if the
// registry has metrics with these names. For several databases, wrap the registry by
// prometheus.WrapRegistererWith, with a label that names the database.
func New(registerer prometheus.Registerer) (*Metrics, error) {
	v := newVectors()
	for _, c := range []prometheus.Collector{v.duration, v.outcomes, v.wait, v.use, v.timeouts, v.transactions, v.retries} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("dbmetrics: register: %w", err)
		}
	}

	m := &Metrics{
		registerer:   registerer,
		statements:   make(map[string]*operationMetrics, len(operationsByName)),
		waits:        make(map[dbmodule.Pool]waitMetrics),
		transactions: make(map[dbmodule.Outcome]prometheus.Counter),
		retries:      v.retries,
	}
	// All series begin at 0 now. A series that begins with its first event would have no rate for
	// that event.
	operation := func(name string) *operationMetrics {
		return &operationMetrics{
			duration: v.duration.WithLabelValues(name),
			ok:       v.outcomes.WithLabelValues(name, outcomeOK),
			outcomes: v.outcomes.MustCurryWith(prometheus.Labels{"db_operation_name": name}),
		}
	}
	for word, name := range operationsByName {
		m.statements[word] = operation(name)
	}
	m.others = operation("other")
	m.newWaits = func(pool dbmodule.Pool) waitMetrics {
		return waitMetrics{
			wait:     v.wait.WithLabelValues(string(pool)),
			use:      v.use.WithLabelValues(string(pool)),
			timeouts: v.timeouts.WithLabelValues(string(pool)),
		}
	}
	for _, pool := range []dbmodule.Pool{dbmodule.PoolWriter, dbmodule.PoolReader} {
		m.waits[pool] = m.newWaits(pool)
	}
	for _, outcome := range []dbmodule.Outcome{
		dbmodule.OutcomeCommit, dbmodule.OutcomeRollback, dbmodule.OutcomeFailed, dbmodule.OutcomeUnknown,
	} {
		m.transactions[outcome] = v.transactions.WithLabelValues(string(outcome))
	}
	for _, kind := range []error{dbmodule.ErrConflict, dbmodule.ErrUnavailable, dbmodule.ErrCommitUnknown} {
		v.retries.WithLabelValues(dbmodule.ErrorKind(kind))
	}
	return m, nil
}

// UnitBegan counts nothing.
func (m *Metrics) UnitBegan(ctx context.Context, _ dbmodule.UnitOfWork) context.Context { return ctx }

// Acquired counts a wait for a connection.
func (m *Metrics) Acquired(_ context.Context, wait dbmodule.Acquisition) {
	pool := m.pool(wait.Pool)
	pool.wait.Observe(wait.Took.Seconds())
	if dbmodule.ErrorKind(wait.Err) == poolTimeout {
		pool.timeouts.Inc()
	}
}

var poolTimeout = dbmodule.ErrorKind(dbmodule.ErrPoolTimeout)

// Statement counts a statement.
func (m *Metrics) Statement(_ context.Context, statement dbmodule.Statement) {
	operation, ok := m.statements[statement.Operation()]
	if !ok {
		operation = m.others
	}
	operation.duration.Observe(statement.Took.Seconds())
	if statement.Err == nil {
		operation.ok.Inc()
		return
	}
	operation.outcomes.WithLabelValues(dbmodule.ErrorKind(statement.Err)).Inc()
}

// pool returns the metrics of a pool.
func (m *Metrics) pool(name dbmodule.Pool) waitMetrics {
	if known, ok := m.waits[name]; ok {
		return known
	}
	return m.newWaits(name)
}

// UnitEnded counts a transaction, and how long it kept its connection.
func (m *Metrics) UnitEnded(_ context.Context, end dbmodule.UnitEnd) {
	if end.Held > 0 {
		m.pool(end.Pool).use.Observe(end.Held.Seconds())
	}
	if outcome, ok := m.transactions[end.Outcome]; ok {
		outcome.Inc()
	}
}

// Retrying counts a unit of work that runs again.
func (m *Metrics) Retrying(_ context.Context, retry dbmodule.Retry) {
	m.retries.WithLabelValues(dbmodule.ErrorKind(retry.Err)).Inc()
}
