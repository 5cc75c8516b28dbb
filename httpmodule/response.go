package httpmodule

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
)

// errReplaced is what a handler gets from writing a response that has been
// replaced, because the request's unit of work could not be stored.
var errReplaced = errors.New("httpmodule: write response: replaced by an error, because nothing could be stored")

// request is what this package knows of one request. It is its context too,
// which saves one for each thing that is to be found there.
type request struct {
	context.Context // timed

	server *Server
	id     string
	// idHeader and idSent are the identifier as the headers of response and request
	// want it, which anybody may write into.
	idHeader, idSent [1]string
	// nosniff and noStore are other headers' values, see setDefaults.
	nosniff, noStore [1]string
	http             *http.Request
	// outer is the scope of the context that it came with, nil for none.
	outer dbmodule.Scope
	// listened says that it came over this server's own socket.
	listened bool
	// pattern is the route's, as Echo has it, and keyName what the gate calls the key.
	pattern, keyName string
	started          time.Time
	// routed is the context once the route is known, nil until then: with the
	// deadline, and with what instruments and middleware have put into it.
	routed context.Context
	// timed ends the request's context.
	timed  timed
	limits Limits
	// share is its part of the server's memory for bodies and answers.
	share    share
	work     unitOfWork
	response response
	// instrumented is what instruments add to the log, failure the error that
	// was answered.
	instrumented []zap.Field
	sessions     sessionsUsed
	failure      *HTTPError
	// body is the request's body without a limit.
	body    io.Reader
	uploads uploads
}

type requestKey struct{}

var _ dbmodule.Scope = (*request)(nil)

// Value returns the request itself, as what it is to this package and to
// dbmodule.
func (r *request) Value(key any) any {
	switch key.(type) {
	case requestKey, dbmodule.ScopeKey:
		return r
	case shareKey:
		return &r.share
	}
	return r.Context.Value(key)
}

// route notes what is known once the route is.
func (r *request) route(ctx context.Context, limits Limits, instrumented []zap.Field) {
	r.routed, r.limits, r.instrumented = ctx, limits, instrumented
}

// working is the context for what the request does in the end.
func (r *request) working() context.Context {
	if r.routed != nil {
		return r.routed
	}
	return r
}

// String names the request in errors about who has the database's connections.
func (r *request) String() string {
	return "the request " + r.id + " to " + r.http.Method + " " + r.http.URL.Path
}

// requestOf returns the request that ctx belongs to, or nil.
func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// response stands between Echo's response and net/http's. Before the first
// byte leaves it settles the request's unit of work, and sends the error
// instead when that fails. It also counts for the access log.
type response struct {
	http.ResponseWriter

	request *request
	echo    *echo.Response
	// baseline is the header before the handler touched it, nil if the request stores nothing.
	baseline *headerCopy

	wrote    bool
	replaced bool
	// head is nil unless the request is a HEAD.
	head *headBody
	gzip compression
	// vary is the header's value, if it has no other.
	vary   [1]string
	status int
	bytes  int64
}

// Unwrap serves http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader settles the unit of work, then sends the header.
func (w *response) WriteHeader(status int) {
	if w.wrote {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status) // not the response yet
		return
	}
	w.wrote = true
	if w.settle(status) {
		w.status = status
		w.send(status)
	}
}

// setDefaults sets the headers of all responses that have no others of these names. That is
// done last: a handler may also add to a header, as proxies do with those of their answers.
func (w *response) setDefaults() {
	header, r := w.Header(), w.request
	if _, set := header["X-Content-Type-Options"]; !set {
		r.nosniff[0] = "nosniff"
		header["X-Content-Type-Options"] = r.nosniff[:]
	}
	if _, set := header["Cache-Control"]; !set {
		r.noStore[0] = "no-store"
		header["Cache-Control"] = r.noStore[:]
	}
	if ids := header[canonicalRequestID]; len(ids) > 1 { // a proxy adds that of its answer: the log has ours
		header[canonicalRequestID] = ids[:1]
	}
}

// send sends the header; it is where every status but an implicit 200 goes.
func (w *response) send(status int) {
	w.setDefaults()
	if status >= 400 {
		discardRest(w.request.http, w.request.body, w.ResponseWriter)
	}
	if w.head != nil {
		w.head.status = status
		return
	}
	if !w.hold(status) {
		w.ResponseWriter.WriteHeader(status)
	}
}

// write sends part of a body.
func (w *response) write(b []byte) (int, error) {
	if w.head != nil {
		w.head.see(b, w.Header())
		return len(b), nil
	}
	n, err := w.writeBody(b)
	w.bytes += int64(n)
	return n, err
}

func (w *response) writeBody(b []byte) (int, error) {
	switch {
	case w.gzip.writer != nil:
		return w.gzip.writer.Write(b)
	case w.gzip.held != 0:
		return w.writeHeld(b)
	default:
		return w.ResponseWriter.Write(b)
	}
}

// Write sends part of the body.
func (w *response) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.replaced {
		return 0, errReplaced
	}
	return w.write(b)
}

// FlushError sends what is buffered, the header first.
func (w *response) FlushError() error {
	if !w.wrote {
		// Echo believes in the header only when it wrote it itself.
		w.echo.WriteHeader(w.echo.Status)
	}
	w.sendHead(true)
	w.releaseHeld()
	if w.gzip.writer != nil {
		if err := w.gzip.writer.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is FlushError for callers of http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// Hijack settles the unit of work and hands the connection over.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.wrote {
		w.wrote = true
		if !w.settle(http.StatusSwitchingProtocols) {
			return nil, nil, errReplaced
		}
		w.status = http.StatusSwitchingProtocols
		w.echo.Status = w.status
	}
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.echo.Committed = true
	} else {
		w.wrote = false // an error can still be answered
	}
	return conn, rw, err
}

// keepHeader notes what stays of the header when an error replaces the handler's
// response. That only happens where there is something to store.
func (w *response) keepHeader() {
	if w.request.work.readOnly {
		return
	}
	if w.baseline == nil {
		w.baseline = new(headerCopy)
	}
	w.baseline.take(w.Header())
}

// finish settles the unit of work of a handler that wrote nothing; net/http
// then answers an empty 200. The answer to HEAD is sent.
func (w *response) finish() {
	if !w.wrote {
		w.wrote = true
		w.echo.Committed = true // an error that comes later comes too late
		if w.settle(http.StatusOK) {
			w.status = http.StatusOK
			w.setDefaults()
			if w.head != nil {
				w.head.status = http.StatusOK
			}
		}
	}
	w.sendHead(false)
	w.finishGzip()
}

// settle ends the unit of work. When it can't be stored, settle sends the
// error and reports false.
func (w *response) settle(status int) bool {
	ctx := w.request.working()
	err := w.request.work.settle(ctx, status)
	if err == nil {
		w.request.tellWriteToken(w.Header())
		return true
	}
	answer := w.request.server.resolve(ctx, err)
	if answer.Status < 400 {
		answer = &HTTPError{Status: http.StatusInternalServerError, Detail: "Internal Server Error", Cause: err}
	}
	w.request.server.logAnswer(w.request, answer)

	header := w.Header()
	w.baseline.restore(header)
	w.replaced = true
	w.status = answer.Status
	w.echo.Status = answer.Status
	w.echo.Committed = true
	answer.writeTo(&replacement{w})
	return false
}

// replacement writes the error that takes a response's place.
type replacement struct{ *response }

func (w *replacement) WriteHeader(status int) { w.send(status) }

func (w *replacement) Write(b []byte) (int, error) { return w.write(b) }
