package httpmodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// HTTPError is an error with the answer that the client gets. Plain and typed handlers, and the
// functions that they call, may return one, wrapped or not. The body is {"detail": Detail}.
type HTTPError struct {
	// Status is the response's status.
	Status int
	// Detail is a string, a []FieldError or anything that encodes to JSON.
	Detail any
	// Header is added to the response's header; it may be nil.
	Header http.Header
	// Cause is logged for statuses of 500 and above, and never sent.
	Cause error
}

// NewError returns an [HTTPError] with this detail, or with the status's
// own text if detail is empty.
func NewError(status int, detail string) error {
	if detail == "" {
		detail = http.StatusText(status)
	}
	return &HTTPError{Status: status, Detail: detail}
}

// Error returns status, detail and cause.
func (e *HTTPError) Error() string {
	text := fmt.Sprintf("httpmodule: answer %d: %v", e.Status, e.Detail)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// text returns the detail as a sentence.
func (e *HTTPError) text() string {
	findings, ok := e.Detail.([]FieldError)
	if !ok {
		return fmt.Sprint(e.Detail)
	}
	texts := make([]string, len(findings))
	for i, f := range findings {
		var where []string
		for _, part := range f.Loc {
			where = append(where, fmt.Sprint(part))
		}
		texts[i] = strings.Join(where, ".") + ": " + f.Msg
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the cause.
func (e *HTTPError) Unwrap() error { return e.Cause }

// GetStatus returns the status; huma asks for it.
func (e *HTTPError) GetStatus() int { return e.Status }

// GetHeaders returns the header; huma asks for it.
func (e *HTTPError) GetHeaders() http.Header { return e.Header }

// MarshalJSON returns {"detail": …}.
func (e *HTTPError) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(struct {
		Detail any `json:"detail"`
	}{e.Detail}); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// body returns the encoded error. If the detail can't be encoded, it is the status's text.
func (e *HTTPError) body() []byte {
	b, err := e.MarshalJSON()
	if err != nil {
		return []byte(`{"detail":` + strconv.Quote(http.StatusText(e.Status)) + `}`)
	}
	return b
}

// writeTo sends the error. It keeps the response's headers, except those about another body.
func (e *HTTPError) writeTo(w http.ResponseWriter) {
	body := e.body()
	header := w.Header()
	for name, values := range e.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	for _, name := range [...]string{"Content-Encoding", "Etag", "Last-Modified"} {
		header.Del(name) // they described the body that the error replaces
	}
	if e.Header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-store")
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// ErrorMapping is a row of the table from errors to answers: an error that
// matches Err, by errors.Is, is answered with Status.
type ErrorMapping struct {
	// Err is the sentinel that errors are compared with.
	Err error
	// Status is the status of the answer.
	Status int
	// Detail is the text of the answer; empty means the status's own text.
	Detail string
	// RetryAfter tells the client to try again after that time, in whole
	// seconds; 0 sends no such header.
	RetryAfter time.Duration
}

// StatusClientClosedRequest is nginx's status 499, for a request whose client closed the
// connection before the answer. It appears only in logs and metrics.
const StatusClientClosedRequest = 499

// internalError is the detail of a 500. It tells a client nothing about the program's fault.
const internalError = "Internal Server Error"

const (
	retrySoon  = time.Second
	retryLater = 5 * time.Second
)

// mapping is a row of the server's table.
type mapping struct {
	ErrorMapping
	// namesField adds the column or the constraint to the detail, if the
	// error knows it.
	namesField bool
}

// defaultMappings is the built-in table. The first matching row is used: an error may match
// several, for example a lost COMMIT also matches ErrUnavailable.
func defaultMappings() []mapping {
	return []mapping{
		{ErrorMapping{dbmodule.ErrCommitUnknown, http.StatusServiceUnavailable, "The outcome is unknown: the database did not say whether the change was stored", retryLater}, false},
		{ErrorMapping{dbmodule.ErrPoolTimeout, http.StatusServiceUnavailable, "The database is busy: no connection became free in time", retrySoon}, false},
		{ErrorMapping{dbmodule.ErrConflict, http.StatusServiceUnavailable, "The change met others at the same time and was not stored; try again", retrySoon}, false},
		{ErrorMapping{dbmodule.ErrDiskFull, http.StatusInsufficientStorage, "The database has no room left", retryLater}, false},
		{ErrorMapping{dbmodule.ErrReadOnlySession, http.StatusInternalServerError, internalError, 0}, false}, // logAnswer adds readOnlyHint
		{ErrorMapping{dbmodule.ErrReadOnly, http.StatusServiceUnavailable, "The database takes no changes at the moment", retryLater}, false},
		{ErrorMapping{dbmodule.ErrTimeout, http.StatusGatewayTimeout, "The database took too long", 0}, false},
		{ErrorMapping{dbmodule.ErrUnavailable, http.StatusServiceUnavailable, "The database is not available", retryLater}, false},
		{ErrorMapping{dbmodule.ErrDatabaseClosed, http.StatusServiceUnavailable, "The database is not available", retryLater}, false},
		{ErrorMapping{dbmodule.ErrUnique, http.StatusConflict, "There is a record with the same value already", 0}, true},
		{ErrorMapping{dbmodule.ErrForeignKey, http.StatusConflict, "The change contradicts a related record", 0}, true},
		{ErrorMapping{dbmodule.ErrCheck, http.StatusUnprocessableEntity, "A value is not allowed", 0}, true},
		{ErrorMapping{dbmodule.ErrNotNull, http.StatusUnprocessableEntity, "A required value is missing", 0}, true},
		{ErrorMapping{dbmodule.ErrValue, http.StatusUnprocessableEntity, "A value can't be stored", 0}, true},
		{ErrorMapping{dbmodule.ErrNotFound, http.StatusNotFound, "Not Found", 0}, false},
	}
}

// field returns ": email" for an error about the column email, and ": a, b" for an error about
// two columns. If the engine names no column, it returns the constraint's name. It never returns
// values.
func field(err error) string {
	var e *dbmodule.Error
	if !errors.As(err, &e) {
		return ""
	}
	if columns := e.Columns(); columns != nil {
		return ": " + strings.Join(columns, ", ")
	}
	// For an unnamed CHECK, SQLite returns the condition; MySQL calls every primary key PRIMARY.
	// Neither helps a client.
	if e.Constraint == "" || e.Constraint == "PRIMARY" || strings.ContainsAny(e.Constraint, " ()'\"=<>") {
		return ""
	}
	return ": " + e.Constraint
}

func (m ErrorMapping) answer(cause error) *HTTPError {
	e := &HTTPError{Status: m.Status, Detail: m.Detail, Cause: cause}
	if m.Detail == "" {
		e.Detail = http.StatusText(m.Status)
	}
	if m.RetryAfter > 0 {
		e.Header = retryAfter(m.RetryAfter)
	}
	return e
}

// retryAfter returns a Retry-After header, in whole seconds, rounded up.
func retryAfter(wait time.Duration) http.Header {
	seconds := (wait + time.Second - 1) / time.Second
	return http.Header{"Retry-After": {strconv.Itoa(int(seconds))}}
}

// resolve returns the answer to an error: the answer that the error carries, or else the answer
// of the table, or else a 500 without details.
func (s *Server) resolve(ctx context.Context, err error) *HTTPError {
	if e := explicit(err); e != nil {
		return e
	}
	answer := &HTTPError{Status: http.StatusInternalServerError, Detail: internalError, Cause: err}
	if panicked := (*panicError)(nil); errors.As(err, &panicked) {
		return answer
	}
	for _, m := range s.mappings {
		if errors.Is(err, m.Err) {
			answer = m.answer(err)
			if m.namesField {
				answer.Detail = m.Detail + field(err)
			}
			break
		}
	}
	// The request's context has ended: that is why the handler failed, whatever its error says.
	if answer.Status >= 500 && ctx.Err() != nil && !errors.Is(err, dbmodule.ErrCommitUnknown) {
		if errors.Is(context.Cause(ctx), ErrStopping) {
			return &HTTPError{Status: http.StatusServiceUnavailable, Detail: "The server is stopping", Header: retryAfter(retrySoon), Cause: err}
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return &HTTPError{Status: StatusClientClosedRequest, Detail: "Client Closed Request", Cause: err}
		}
		return &HTTPError{Status: http.StatusGatewayTimeout, Detail: "The request took too long", Cause: err}
	}
	if answer.Status == http.StatusInternalServerError && errors.Is(err, context.DeadlineExceeded) {
		answer.Status, answer.Detail = http.StatusGatewayTimeout, "The request took too long"
	}
	return answer
}

// explicit returns the answer that an error carries, or nil.
func explicit(err error) *HTTPError {
	var unread *bodyError
	if errors.As(err, &unread) {
		return bodyReadFailed(unread)
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return bodyTooLarge(tooLarge.Limit)
	}
	var own *HTTPError
	if errors.As(err, &own) {
		return own
	}
	var fromEcho *echo.HTTPError
	if errors.As(err, &fromEcho) {
		return fromEchoError(fromEcho)
	}
	var fromHuma huma.StatusError
	if errors.As(err, &fromHuma) {
		return fromHumaError(fromHuma)
	}
	return nil
}

func fromEchoError(e *echo.HTTPError) *HTTPError {
	var inner *echo.HTTPError
	if errors.As(e.Internal, &inner) {
		e = inner
	}
	answer := &HTTPError{Status: e.Code, Detail: e.Message, Cause: e.Internal}
	switch message := e.Message.(type) {
	case nil:
		answer.Detail = http.StatusText(e.Code)
	case error:
		answer.Detail = message.Error()
	}
	return answer
}

// handleError is Echo's error handler.
func (s *Server) handleError(err error, c echo.Context) {
	ctx := c.Request().Context()
	r := requestOf(ctx)
	if r != nil {
		ctx = r.workContext() // a handler's own context may have a shorter deadline
	}
	answer := s.resolve(ctx, err)
	if c.Response().Committed {
		answered := r != nil && r.failure != nil && errors.Is(r.failure, err) // middleware has answered the error and returned it as well
		if answer.Status >= 500 && !answered && !errors.Is(err, errReplaced) {
			s.log.Warn("error after the response had begun", append(requestFields(ctx), zap.Error(err))...)
		}
		return
	}
	s.logAnswer(ctx, answer)
	answer.writeTo(c.Response())
}

// readOnlyHint is logged when a handler writes through a request's read-only session.
const readOnlyHint = "the session of a GET, HEAD or OPTIONS request only reads: write in a handler of another method, or by SessionFactory.InTx"

// logAnswer remembers the answer as the request's failure, and logs its cause if the status is
// 500 or above. It is called once per request, when an error is sent.
func (s *Server) logAnswer(ctx context.Context, answer *HTTPError) {
	if r := requestOf(ctx); r != nil {
		r.failure = answer
	}
	if answer.Status < 500 || answer.Cause == nil {
		return
	}
	s.writes.record(answer.Cause)
	fields := append(requestFields(ctx), zap.Int("status", answer.Status), zap.Error(answer.Cause))
	if errors.Is(answer.Cause, dbmodule.ErrReadOnlySession) {
		fields = append(fields, zap.String("hint", readOnlyHint))
	}
	var panicked *panicError
	if errors.As(answer.Cause, &panicked) {
		fields = append(fields, zap.ByteString("stack", panicked.stack))
	}
	if answer.Status == http.StatusInternalServerError {
		s.log.Error("request failed", fields...)
	} else {
		s.log.Warn("request failed", fields...)
	}
}

// panicError is the error of a handler that panicked.
type panicError struct {
	value any
	stack []byte
}

// Error describes the panic. panicError has no Unwrap: a panic is answered with 500, whatever
// its value.
func (e *panicError) Error() string { return fmt.Sprintf("httpmodule: handler panicked: %v", e.value) }
