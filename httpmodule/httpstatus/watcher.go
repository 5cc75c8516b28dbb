package httpstatus

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
)

// Watcher remembers what the page shows of the time that has passed: statements,
// errors and samples of the pools, all in bounded memory. It is a
// [dbmodule.Observer], and safe for concurrent use. Make one with [NewWatcher].
type Watcher struct {
	statements statements
	errors     ring[Failure]
	samples    ring[Sample]
	routes     statements
	// bookkeeping matches statements on the tables of revisions, by database.
	bookkeeping atomic.Pointer[map[string]*regexp.Regexp]
	// done and failed count requests.
	done, failed atomic.Int64
	latency      latency
}

var _ dbmodule.Observer = (*Watcher)(nil)

const (
	mostErrors  = 50
	mostSamples = 180
	// sampleEvery makes the samples those of 15 minutes.
	sampleEvery = 5 * time.Second
)

// NewWatcher makes a watcher that has seen nothing.
func NewWatcher() *Watcher {
	w := &Watcher{
		statements: statements{byKey: make(map[statementKey]*statementStats)},
		routes:     statements{byKey: make(map[statementKey]*statementStats)},
		errors:     ring[Failure]{limit: mostErrors},
		samples:    ring[Sample]{limit: mostSamples},
	}
	w.keptIn(nil)
	return w
}

// keptIn says which tables keep the revisions of each database that is not as usual: the page
// shows these by their history, and not among the statements.
func (w *Watcher) keptIn(tables map[string]migrate.VersionTable) {
	patterns := make(map[string]*regexp.Regexp, len(tables))
	for database, table := range tables {
		patterns[database] = bookkeepingOf(table.Name, table.History)
	}
	w.bookkeeping.Store(&patterns)
}

// usualBookkeeping matches the tables that keep revisions where nobody names others.
var usualBookkeeping = bookkeepingOf("alembic_version", "alembic_version_history")

func bookkeepingOf(version, history string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[^\w])(` + regexp.QuoteMeta(version) + `|` + regexp.QuoteMeta(history) + `)([^\w]|$)`)
}

// keeps tells whether a statement is about a database's revisions.
func (w *Watcher) keeps(database, text string) bool {
	if pattern := (*w.bookkeeping.Load())[database]; pattern != nil {
		return pattern.MatchString(text)
	}
	return usualBookkeeping.MatchString(text)
}

// Failure is an error of the page. It holds no values of rows.
type Failure struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	// Database is the name of another database than the server's own.
	Database string `json:"database,omitempty"`
	// Where is a statement or a route.
	Where     string `json:"where"`
	Text      string `json:"text"`
	RequestID string `json:"request_id,omitempty"`
	Session   uint64 `json:"session,omitempty"`
	// Severe errors say that the server or the database is not well; others are
	// a client's, such as a row that is there already.
	Severe bool `json:"severe"`
}

// severeKinds are the kinds of errors that nobody should have.
var severeKinds = map[string]bool{
	"commit_unknown": true, "pool_timeout": true, "timeout": true, "unavailable": true, "access_denied": true,
	"no_database": true, "corrupt": true, "disk_full": true, "other": true,
}

// work are the operations that are counted. Migrations and what surrounds
// transactions would only stand in front of them.
var work = map[string]bool{
	"SELECT": true, "INSERT": true, "UPDATE": true, "DELETE": true, "MERGE": true, "REPLACE": true, "WITH": true,
	"VALUES": true, "CALL": true, "COMMIT": true,
}

// middleware counts requests and remembers those that were the server's fault,
// with no more than what the client was told. Streams are not among the durations, since they
// last as long as their clients stay, nor are probes.
func (w *Watcher) middleware(isProbe func(route string) bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			began := time.Now()
			err := next(c)
			w.done.Add(1)
			if !streamed(c) && !isProbe(c.Path()) {
				took := time.Since(began)
				w.latency.add(took)
				w.routes.add(statementKey{text: routeOf(c)}, took)
			}
			w.remember(c)
			return err
		}
	}
}

// remember keeps a request that was the server's fault.
func (w *Watcher) remember(c echo.Context) {
	status := c.Response().Status
	if status < http.StatusInternalServerError || status == http.StatusNotImplemented {
		return
	}
	w.failed.Add(1)
	failure := Failure{
		At: time.Now(), Kind: strconv.Itoa(status), Where: routeOf(c), Text: http.StatusText(status),
		RequestID: c.Response().Header().Get(echo.HeaderXRequestID), Severe: true,
	}
	if answer := httpmodule.Failure(c); answer != nil {
		if text, ok := answer.Detail.(string); ok {
			failure.Text = text
		}
		if kind := dbmodule.ErrorKind(answer.Cause); kind != "" && kind != "other" {
			failure.Kind += " " + kind
		}
	}
	w.errors.add(failure)
}

// routeOf names a request's route by its template, and a method only if HTTP has it: what
// clients make up is never kept.
func routeOf(c echo.Context) string {
	path, method := c.Path(), c.Request().Method
	if path == "" {
		return "(no route)"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method + " " + path
	}
	return "(other method) " + path
}

// streamed tells whether an answer was a stream.
func streamed(c echo.Context) bool {
	return c.Response().Status == http.StatusSwitchingProtocols ||
		strings.HasPrefix(c.Response().Header().Get(echo.HeaderContentType), "text/event-stream")
}
