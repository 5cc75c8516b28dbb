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

// errReplaced is the error of a write to a response that was replaced by an error, because the
// request's unit of work could not be committed.
var errReplaced = errors.New("httpmodule: write response: replaced by an error, because nothing could be stored")

// request is the state of one request. It is also the request's context: this saves one context
// with a value for each thing that Value finds.
type request struct {
	context.Context // &base

	server *Server
	id     string
	// idHeader and idSent hold the identifier as the headers of the response and of the request
	// need it. There are two, because a handler may change a header's slice in place.
	idHeader, idSent [1]string
	// nosniff and noStore hold values of headers: see setDefaults.
	nosniff, noStore [1]string
	http             *http.Request
	// outer is the scope of the context that the http.Request came with, or nil.
	outer dbmodule.Scope
	// listened says that the request came over this server's own listener, and not by ServeHTTP.
	listened bool
	// pattern is the route in Echo's notation, and keyName the gate's name of the key.
	pattern, keyName string
	started          time.Time
	// routed is the context after routing, with the deadline and the values of instruments. It
	// is nil before.
	routed context.Context
	// base is the context that ends with the request.
	base   requestContext
	limits Limits
	// share is the memory that the request has reserved.
	share    share
	work     unitOfWork
	response response
	// instrumented are the log fields of instruments, failure the error that was answered.
	instrumented []zap.Field
	sessions     sessionsUsed
	failure      *HTTPError
	// body is the request's body without the limit of limitBody.
	body    io.Reader
	uploads uploads
}

type requestKey struct{}

var _ dbmodule.Scope = (*request)(nil)

// Value returns the request for the keys of this package and of dbmodule's scope.
func (r *request) Value(key any) any {
	switch key.(type) {
	case requestKey, dbmodule.ScopeKey:
		return r
	case shareKey:
		return &r.share
	}
	return r.Context.Value(key)
}

// workContext returns the context for the COMMIT and for the error's answer. It is not a handler's
// own context, which may have ended.
func (r *request) workContext() context.Context {
	if r.routed != nil {
		return r.routed
	}
	return r
}

// String names the request in the errors of a full pool, which list the holders of connections.
func (r *request) String() string {
	return "the request " + r.id + " to " + r.http.Method + " " + r.http.URL.Path
}

// requestOf returns the request that ctx belongs to, or nil.
func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// response wraps net/http's response. Before it sends the first byte, it settles the request's
// unit of work: it commits or rolls back. If the COMMIT fails, it sends the error instead of the
// handler's response. It also counts bytes for the access log.
type response struct {
	http.ResponseWriter

	request *request
	echo    *echo.Response
	// baseline is a copy of the header before the handler changed it. It is nil if the request
	// can't write to the database.
	baseline *headerCopy

	wrote    bool
	replaced bool
	// head is nil unless the request is a HEAD.
	head *headBody
	gzip compression
	// vary holds the value of the header Vary, if hold sets it.
	vary   [1]string
	status int
	bytes  int64
}

// Unwrap implements what http.ResponseController needs.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader settles the unit of work, then sends the header.
func (w *response) WriteHeader(status int) {
	if w.wrote {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status) // informational: the response comes later
		return
	}
	w.wrote = true
	if w.settle(status) {
		w.status = status
		w.send(status)
	}
}

// setDefaults sets the headers that every response has, unless the response has its own values for
// them. It runs last, because a proxy's handler adds the headers of the proxied answer, and would
// add second values.
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
	if ids := header[canonicalRequestID]; len(ids) > 1 { // a proxied answer has added its own: the log has the first
		header[canonicalRequestID] = ids[:1]
	}
}

// send sends the header, or holds it back for HEAD or compression.
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
		w.head.count(b, w.Header())
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
	case w.gzip.heldStatus != 0:
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
		// Echo's response is committed only if it wrote the header itself.
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
		w.wrote = false // an error can still be sent
	}
	return conn, rw, err
}

// keepHeader copies the header. settle restores the copy when an error replaces the handler's
// response. A read-only request has no COMMIT that could fail, and needs no copy.
func (w *response) keepHeader() {
	if w.request.work.readOnly {
		return
	}
	if w.baseline == nil {
		w.baseline = new(headerCopy)
	}
	w.baseline.take(w.Header())
}

// finish completes the response. If the handler wrote nothing, it settles the unit of work, and
// net/http sends an empty 200. It sends the header of HEAD and the rest of a compressed body.
func (w *response) finish() {
	if !w.wrote {
		w.wrote = true
		w.echo.Committed = true // a later error can't be answered
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

// settle commits or rolls back the unit of work. If that fails, it sends the error and reports
// false.
func (w *response) settle(status int) bool {
	ctx := w.request.workContext()
	err := w.request.work.settle(ctx, status)
	if err == nil {
		w.request.setWriteToken(w.Header())
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

// replacement is the http.ResponseWriter for the error that replaces a response.
type replacement struct{ *response }

func (w *replacement) WriteHeader(status int) { w.send(status) }

func (w *replacement) Write(b []byte) (int, error) { return w.write(b) }
