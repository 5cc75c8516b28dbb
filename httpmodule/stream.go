package httpmodule

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// CloseSessions closes the sessions that the request of ctx has with factories, if it may only
// read. Streams call it before they begin, so that no connection is kept for as long as a
// client stays. Sessions that may write are committed when the response begins.
func CloseSessions(ctx context.Context) {
	if r := requestOf(ctx); r != nil {
		r.work.release()
	}
}

// Authenticate is [Server.Authenticate] of the server that the request belongs to, for routes
// that were opened by [WithoutKey] and ask for the key themselves. A request of no server is
// an error.
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
