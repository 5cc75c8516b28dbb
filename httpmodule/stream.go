package httpmodule

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/openhands-go/server/dbmodule"
)

// CloseSessions closes the sessions of ctx's request if they are read-only. Streams call it
// before they begin, so that they hold no connection for as long as a
// client stays. Sessions that may write are committed when the response begins.
func CloseSessions(ctx context.Context) {
	if r := requestOf(ctx); r != nil {
		r.work.release()
	}
}

// Detach is for a handler that has taken its connection over ([http.Hijacker]). With it the handler
// can return while its work continues, so that little of the request stays in memory. detached has
// the values that others have put into the request's context ctx, but neither the request nor its
// sessions. It ends with [ErrStopping] when the server stops, and [Server.Stop] waits until done is
// called. What [ReserveMemory] and [Room] take by it is given back by done.
func Detach(ctx context.Context) (detached context.Context, done func()) {
	r := requestOf(ctx)
	values := ctx
	if r != nil && ctx == r.working() { // nobody put values into it: those that came with the request are all
		values = r.timed.Context
	}
	own := afterwards{Context: context.WithoutCancel(values)}
	if r != nil {
		own.share = &share{budget: r.server.budget}
	}
	detached, cancel := context.WithCancelCause(own)
	if r == nil {
		return detached, func() { cancel(nil) }
	}
	r.response.ResponseWriter = taken{r.response.Header()} // net/http's has the connection's buffers
	server := r.server
	server.inFlight.Add(1)
	attached := context.AfterFunc(server.streams, func() { cancel(ErrStopping) })
	return detached, sync.OnceFunc(func() {
		attached()
		cancel(nil)
		own.share.giveBack()
		server.inFlight.Add(-1)
	})
}

// taken stands in for the response of a connection that a handler has taken over.
type taken struct{ header http.Header }

func (t taken) Header() http.Header     { return t.header }
func (taken) Write([]byte) (int, error) { return 0, http.ErrHijacked }
func (taken) WriteHeader(int)           {}

// afterwards is a request's context without the request. It has a share of its own of the
// server's memory, nil if it belongs to no server.
type afterwards struct {
	context.Context
	share *share
}

// Value implements context.Context.
func (a afterwards) Value(key any) any {
	if _, ok := key.(shareKey); ok && a.share != nil {
		return a.share
	}
	value := a.Context.Value(key)
	r, ok := value.(*request)
	switch key.(type) {
	case requestKey:
		return nil
	case dbmodule.ScopeKey:
		if ok {
			return r.outer
		}
	}
	return value
}

// Authenticate is [Server.Authenticate] of the request's server, for routes
// that were opened by [WithoutKey] and check the key themselves. It returns an error if the
// request belongs to no server.
func Authenticate(r *http.Request) error {
	own := requestOf(r.Context())
	if own == nil {
		return errors.New("httpmodule: authenticate: the request belongs to no server of this package")
	}
	return own.server.Authenticate(r)
}

// isStream tells requests whose answer is a stream, in which a browser can't send a header.
func isStream(r *http.Request) bool {
	return isWebSocket(r) || r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}
