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

// Watcher collects the page's statistics, in bounded memory: durations of statements and routes,
// errors, and samples of the pools. It is a [dbmodule.Observer], and safe for concurrent use. Make
// it with [NewWatcher].
type Watcher struct {
	statements statements
	errors     ring[Failure]
	samples    ring[Sample]
	routes     statements
	// bookkeeping matches statements on the version tables of migrations, by database.
	bookkeeping atomic.Pointer[map[string]*regexp.Regexp]
	// done and failed count requests.
	done, failed atomic.Int64
	latency      latency
}

var _ dbmodule.Observer = (*Watcher)(nil)

const (
	maxErrors  = 50
	maxSamples = 180
	// sampleEvery is 5 s: maxSamples cover 15 minutes.
	sampleEvery = 5 * time.Second
)

// NewWatcher makes a watcher.
func NewWatcher() *Watcher {
	w := &Watcher{
		statements: statements{byKey: make(map[statementKey]*statementStats)},
		routes:     statements{byKey: make(map[statementKey]*statementStats)},
		errors:     ring[Failure]{limit: maxErrors},
		samples:    ring[Sample]{limit: maxSamples},
	}
	w.setVersionTables(nil)
	return w
}

// setVersionTables sets the version tables of each database's migrations. Statements on them are not
// listed: the page shows the history instead.
func (w *Watcher) setVersionTables(tables map[string]migrate.VersionTable) {
	patterns := make(map[string]*regexp.Regexp, len(tables))
	for database, table := range tables {
		patterns[database] = bookkeepingOf(table.Name, table.History)
	}
	w.bookkeeping.Store(&patterns)
}

// defaultBookkeeping matches statements on the default version tables.
var defaultBookkeeping = bookkeepingOf("alembic_version", "alembic_version_history")

func bookkeepingOf(version, history string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[^\w])(` + regexp.QuoteMeta(version) + `|` + regexp.QuoteMeta(history) + `)([^\w]|$)`)
}

// isBookkeeping reports whether a statement reads or writes a database's version tables.
func (w *Watcher) isBookkeeping(database, text string) bool {
	if pattern := (*w.bookkeeping.Load())[database]; pattern != nil {
		return pattern.MatchString(text)
	}
	return defaultBookkeeping.MatchString(text)
}

// Failure is an error that the page shows. It holds no values of rows.
type Failure struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	// Database is the database's name, "" for the server's own.
	Database string `json:"database,omitempty"`
	// Where is a statement or a route.
	Where     string `json:"where"`
	Text      string `json:"text"`
	RequestID string `json:"request_id,omitempty"`
	Session   uint64 `json:"session,omitempty"`
	// Severe says that the server or the database has a problem. Other errors are caused by a
	// client, such as a unique violation.
	Severe bool `json:"severe"`
}

// severeKinds are the kinds of errors that set Failure.Severe.
var severeKinds = map[string]bool{
	"commit_unknown": true, "pool_timeout": true, "timeout": true, "unavailable": true, "access_denied": true,
	"no_database": true, "corrupt": true, "disk_full": true, "other": true,
}

// countedOperations are the statements that the page lists. DDL, BEGIN and the like would hide them.
var countedOperations = map[string]bool{
	"SELECT": true, "INSERT": true, "UPDATE": true, "DELETE": true, "MERGE": true, "REPLACE": true, "WITH": true,
	"VALUES": true, "CALL": true, "COMMIT": true,
}

// middleware counts requests and remembers those that were the server's fault, with the text that
// the client got. It does not measure streams, which last as long as their clients stay, and probes.
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

// remember keeps a request if it was the server's fault.
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

// routeOf returns the method and the route's template. It returns no text that a client can choose:
// an unknown method becomes "(other method)".
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

// streamed reports whether the response was a stream.
func streamed(c echo.Context) bool {
	return c.Response().Status == http.StatusSwitchingProtocols ||
		strings.HasPrefix(c.Response().Header().Get(echo.HeaderContentType), "text/event-stream")
}
