package httpstatus

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Watcher remembers what the page shows of the time that has passed: statements,
// errors and samples of the pools, all in bounded memory. It is a
// [dbmodule.Observer], and safe for concurrent use. Make one with [NewWatcher].
type Watcher struct {
	statements statements
	errors     ring[Failure]
	samples    ring[Sample]
	// bookkeeping matches statements on the tables of revisions.
	bookkeeping atomic.Pointer[regexp.Regexp]
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
		statements: statements{byText: make(map[string]*statementStats)},
		errors:     ring[Failure]{limit: mostErrors},
		samples:    ring[Sample]{limit: mostSamples},
	}
	w.keptIn("alembic_version", "alembic_version_history")
	return w
}

// keptIn says which tables keep the revisions: the page shows these by their
// history, and not among the statements.
func (w *Watcher) keptIn(version, history string) {
	w.bookkeeping.Store(regexp.MustCompile(`(^|[^\w])(` + regexp.QuoteMeta(version) + `|` + regexp.QuoteMeta(history) + `)([^\w]|$)`))
}

// Failure is an error of the page. It holds no values of rows.
type Failure struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
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

// UnitBegan has nothing to remember.
func (w *Watcher) UnitBegan(ctx context.Context, _ dbmodule.UnitOfWork) context.Context { return ctx }

// Acquired remembers a connection that was not got.
func (w *Watcher) Acquired(ctx context.Context, wait dbmodule.Acquisition) {
	if kind := dbmodule.ErrorKind(wait.Err); severeKinds[kind] {
		w.errors.add(Failure{
			At: time.Now(), Kind: kind, Where: "waiting for a connection of the " + string(wait.Pool),
			Text: "no connection after " + wait.Took.Round(time.Millisecond).String(), RequestID: httpmodule.RequestID(ctx), Severe: true,
		})
	}
}

// Statement counts a statement, and remembers its error.
func (w *Watcher) Statement(ctx context.Context, statement dbmodule.Statement) {
	kind := dbmodule.ErrorKind(statement.Err)
	counted := work[statement.Operation()]
	if !counted && kind == "" {
		return
	}
	text := withoutLists(statement.Text(longestText))
	if counted && !w.bookkeeping.Load().MatchString(text) {
		w.statements.add(text, statement.Took)
	}
	if kind == "" || kind == "canceled" || kind == "not_found" {
		return
	}
	w.errors.add(Failure{
		At: time.Now(), Kind: kind, Where: text, Text: statement.ErrorText(),
		RequestID: httpmodule.RequestID(ctx), Session: statement.Session, Severe: severeKinds[kind],
	})
}

// UnitEnded remembers a COMMIT without an answer.
func (w *Watcher) UnitEnded(ctx context.Context, end dbmodule.UnitEnd) {
	if end.Outcome == dbmodule.OutcomeUnknown {
		w.errors.add(Failure{
			At: time.Now(), Kind: dbmodule.ErrorKind(end.Err), Where: "COMMIT", Text: "no answer came: stored or not",
			RequestID: httpmodule.RequestID(ctx), Session: end.Session, Severe: true,
		})
	}
}

// Retrying has nothing to remember.
func (w *Watcher) Retrying(context.Context, dbmodule.Retry) {}

// middleware counts requests and remembers those that were the server's fault,
// with no more than what the client was told.
func (w *Watcher) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		err := next(c)
		w.done.Add(1)
		w.latency.add(time.Since(began))
		status := c.Response().Status
		if status < http.StatusInternalServerError || status == http.StatusNotImplemented {
			return err
		}
		w.failed.Add(1)
		failure := Failure{
			At: time.Now(), Kind: strconv.Itoa(status), Where: c.Request().Method + " " + c.Path(), Text: http.StatusText(status),
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
		return err
	}
}
