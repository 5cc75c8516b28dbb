package httpmodule

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/openhands-go/server/dbmodule"
)

// CloseSessions closes the read-only sessions of ctx's request. A stream calls it before it begins,
// so that it holds no database connection while the client is connected. Sessions that may write
// are committed when the response begins.
func CloseSessions(ctx context.Context) {
	if r := requestOf(ctx); r != nil {
		r.work.release()
	}
}

// Detach is for a handler that has hijacked its connection ([http.Hijacker]). The handler can then
// return, which frees the request's memory, while its work continues in another goroutine. detached
// has the values of the request's context ctx, but neither the request nor its sessions. It ends with
// the cause [ErrStopping] when the server stops. [Server.Stop] waits until done is called. done also
// gives back the memory that [ReserveMemory] and [Room] have reserved with detached.
func Detach(ctx context.Context) (detached context.Context, done func()) {
	r := requestOf(ctx)
	values := ctx
	if r != nil && ctx == r.workContext() { // no handler has added values: skip the request's own contexts
		values = r.base.Context
	}
	own := detachedContext{Context: context.WithoutCancel(values)}
	if r != nil {
		own.share = &share{budget: r.server.budget}
	}
	detached, cancel := context.WithCancelCause(own)
	if r == nil {
		return detached, func() { cancel(nil) }
	}
	r.response.ResponseWriter = hijackedResponse{r.response.Header()} // net/http's response would keep the connection's buffers in memory
	server := r.server
	server.inFlight.Add(1)
	unregister := context.AfterFunc(server.streams, func() { cancel(ErrStopping) })
	return detached, sync.OnceFunc(func() {
		unregister()
		cancel(nil)
		own.share.releaseAll()
		server.inFlight.Add(-1)
	})
}

// hijackedResponse replaces the response of a hijacked connection.
type hijackedResponse struct{ header http.Header }

func (h hijackedResponse) Header() http.Header     { return h.header }
func (hijackedResponse) Write([]byte) (int, error) { return 0, http.ErrHijacked }
func (hijackedResponse) WriteHeader(int)           {}

// detachedContext is a request's context without the request. share is the memory that the detached
// work has reserved; it is nil if the context belongs to no request.
type detachedContext struct {
	context.Context
	share *share
}

// Value implements context.Context.
func (a detachedContext) Value(key any) any {
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

// Authenticate calls [Server.Authenticate] of the request's server. It is for routes of [WithoutKey]
// that check the key themselves. It returns an error if no server of this package serves the request.
func Authenticate(r *http.Request) error {
	own := requestOf(r.Context())
	if own == nil {
		return errors.New("httpmodule: authenticate: the request belongs to no server of this package")
	}
	return own.server.Authenticate(r)
}

// isStream reports whether a request opens a websocket or an EventSource. A web page can set no
// headers for these.
func isStream(r *http.Request) bool {
	return isWebSocket(r) || r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}
