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

// HTTPError is an error with the answer for the client. A handler of
// either kind, or a function that it calls, may return one, wrapped or not. The
// body is {"detail": Detail}.
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

// text is the detail for people: its findings in words.
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

// body is the encoded error; a detail that does not encode is left out.
func (e *HTTPError) body() []byte {
	b, err := e.MarshalJSON()
	if err != nil {
		return []byte(`{"detail":` + strconv.Quote(http.StatusText(e.Status)) + `}`)
	}
	return b
}

// writeTo sends the error with the headers that are set so far.
func (e *HTTPError) writeTo(w http.ResponseWriter) {
	body := e.body()
	header := w.Header()
	for name, values := range e.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	for _, name := range [...]string{"Content-Encoding", "Etag", "Last-Modified"} {
		header.Del(name) // of the body that is not to be
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

// StatusClientClosedRequest is the status, after nginx's, of a request whose
// client went away before the answer. Only logs show it.
const StatusClientClosedRequest = 499

// internalError tells a client nothing about a mistake in the program.
const internalError = "Internal Server Error"

const (
	soon  = time.Second
	later = 5 * time.Second
)

// mapping is a row of the server's table.
type mapping struct {
	ErrorMapping
	// namesField adds the column or the constraint to the detail, if the
	// error knows it.
	namesField bool
}

// defaultMappings is the table. Rows further up win: an error may match
// several, as a lost COMMIT does.
func defaultMappings() []mapping {
	return []mapping{
		{ErrorMapping{dbmodule.ErrCommitUnknown, http.StatusServiceUnavailable, "The outcome is unknown: the database did not say whether the change was stored", later}, false},
		{ErrorMapping{dbmodule.ErrPoolTimeout, http.StatusServiceUnavailable, "The database is busy: no connection became free in time", soon}, false},
		{ErrorMapping{dbmodule.ErrConflict, http.StatusServiceUnavailable, "The change met others at the same time and was not stored; try again", soon}, false},
		{ErrorMapping{dbmodule.ErrDiskFull, http.StatusInsufficientStorage, "The database has no room left", later}, false},
		{ErrorMapping{dbmodule.ErrReadOnlySession, http.StatusInternalServerError, internalError, 0}, false}, // logAnswer says what to do
		{ErrorMapping{dbmodule.ErrReadOnly, http.StatusServiceUnavailable, "The database takes no changes at the moment", later}, false},
		{ErrorMapping{dbmodule.ErrTimeout, http.StatusGatewayTimeout, "The database took too long", 0}, false},
		{ErrorMapping{dbmodule.ErrUnavailable, http.StatusServiceUnavailable, "The database is not available", later}, false},
		{ErrorMapping{dbmodule.ErrDatabaseClosed, http.StatusServiceUnavailable, "The database is not available", later}, false},
		{ErrorMapping{dbmodule.ErrUnique, http.StatusConflict, "There is a record with the same value already", 0}, true},
		{ErrorMapping{dbmodule.ErrForeignKey, http.StatusConflict, "The change contradicts a related record", 0}, true},
		{ErrorMapping{dbmodule.ErrCheck, http.StatusUnprocessableEntity, "A value is not allowed", 0}, true},
		{ErrorMapping{dbmodule.ErrNotNull, http.StatusUnprocessableEntity, "A required value is missing", 0}, true},
		{ErrorMapping{dbmodule.ErrValue, http.StatusUnprocessableEntity, "A value can't be stored", 0}, true},
		{ErrorMapping{dbmodule.ErrNotFound, http.StatusNotFound, "Not Found", 0}, false},
	}
}

// field returns ": email" for an error about that column, and ": a, b" for one
// about two. Where the engine names no column, the constraint's name stands in
// for it. It holds names from the schema and no values.
func field(err error) string {
	var e *dbmodule.Error
	if !errors.As(err, &e) {
		return ""
	}
	if columns := e.Columns(); columns != nil {
		return ": " + strings.Join(columns, ", ")
	}
	// SQLite gives the condition of a CHECK that has no name, MySQL calls the
	// key of every table PRIMARY: neither tells a client anything.
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

// retryAfter asks the client to come back after that time, in whole seconds.
func retryAfter(wait time.Duration) http.Header {
	seconds := (wait + time.Second - 1) / time.Second
	return http.Header{"Retry-After": {strconv.Itoa(int(seconds))}}
}

// resolve finds the answer to an error: what the error says itself, else the
// table, else an opaque 500.
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
	// When a request ends early, everything in it fails in ways of its own.
	if answer.Status >= 500 && ctx.Err() != nil && !errors.Is(err, dbmodule.ErrCommitUnknown) {
		if errors.Is(context.Cause(ctx), ErrStopping) {
			return &HTTPError{Status: http.StatusServiceUnavailable, Detail: "The server is stopping", Header: retryAfter(soon), Cause: err}
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

// explicit returns the answer that an error carries itself, or nil.
func explicit(err error) *HTTPError {
	var unread *bodyError
	if errors.As(err, &unread) {
		return bodyUnread(unread)
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
		ctx = r.working() // a handler may have shortened its own
	}
	answer := s.resolve(ctx, err)
	if c.Response().Committed {
		answered := r != nil && r.failure != nil && errors.Is(r.failure, err) // some middleware has it answered, and returns it too
		if answer.Status >= 500 && !answered && !errors.Is(err, errReplaced) {
			s.log.Warn("error after the response had begun", append(requestFields(ctx), zap.Error(err))...)
		}
		return
	}
	s.logAnswer(ctx, answer)
	answer.writeTo(c.Response())
}

// readOnlyHint says what to do about a write through a request's read-only session.
const readOnlyHint = "the session of a GET, HEAD or OPTIONS request only reads: write in a handler of another method, or by SessionFactory.InTx"

// logAnswer logs the cause of an answer that is the server's fault. It is
// called where an answer is written, so once a request.
func (s *Server) logAnswer(ctx context.Context, answer *HTTPError) {
	if r := requestOf(ctx); r != nil {
		r.failure = answer
	}
	if answer.Status < 500 || answer.Cause == nil {
		return
	}
	s.writes.note(answer.Cause)
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

// panicError is a handler's panic on its way to the error table.
type panicError struct {
	value any
	stack []byte
}

// Error does not unwrap to the value: whatever was panicked with, a panic is
// the server's fault.
func (e *panicError) Error() string { return fmt.Sprintf("httpmodule: handler panicked: %v", e.value) }
