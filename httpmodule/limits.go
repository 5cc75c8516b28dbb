package httpmodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// NoLimit in a field of [Limits] removes that limit.
const NoLimit = -1

// ErrStopping is the cause ([context.Cause]) with which a request's context ends when the
// server stops, if its route has [Limits] with EndAtStop. If the handler then returns its
// context's error before its response has begun, the request is answered with 503.
var ErrStopping = errors.New("httpmodule: the server is stopping")

// Limits replace the server's limits for one route. A field that is 0 keeps the
// server's limit, [NoLimit] removes it. The same value works for plain routes, by
// [Limits.Route], and for typed ones, by [Limits.Operation].
type Limits struct {
	// RequestTimeout replaces REQUEST_TIMEOUT: after this time the request's context ends.
	RequestTimeout time.Duration
	// ReadTimeout replaces READ_TIMEOUT: how long the client may take to send the
	// body, from the end of the header.
	ReadTimeout time.Duration
	// WriteTimeout replaces WRITE_TIMEOUT: how long the response may take, from the
	// end of the request's header.
	WriteTimeout time.Duration
	// BodyLimit replaces BODY_LIMIT: the largest body in bytes.
	BodyLimit int64
	// BodyStreams says that the handler does not keep the body in memory, for example
	// because it writes it to a file: the body does not count in MEMORY_BUDGET.
	BodyStreams bool
	// EndAtStop ends the request's context as soon as the server stops, with
	// [ErrStopping] as its cause. Without it a request has SHUTDOWN_TIMEOUT to end
	// by itself, but a stream of events never ends by itself.
	EndAtStop bool
}

// StreamLimits are for responses without an end, such as server-sent events and websockets:
// neither REQUEST_TIMEOUT nor WRITE_TIMEOUT ends them, and their context ends when
// the server stops. A typed operation that answers text/event-stream, such as those of
// huma's package sse, has these limits by default, except those that it sets itself.
func StreamLimits() Limits {
	return Limits{RequestTimeout: NoLimit, WriteTimeout: NoLimit, EndAtStop: true}
}

// DownloadLimits are for large responses: neither REQUEST_TIMEOUT nor WRITE_TIMEOUT
// ends them. At a stop they have SHUTDOWN_TIMEOUT to end, like every request.
func DownloadLimits() Limits { return Limits{RequestTimeout: NoLimit, WriteTimeout: NoLimit} }

// Route gives a plain route these limits and returns the route. The limits of a GET route hold
// for HEAD too. api is the argument of the function of type [Routes]. Route panics if the route
// is not on api's router; [New] turns the panic into an error.
//
//	limits.Route(api, e.POST("/files", upload))
func (l Limits) Route(api huma.API, route *echo.Route) *echo.Route {
	s := serverOf(api)
	s.limits[s.keyOf(route)] = l
	return route
}

// Operation gives a typed operation these limits. Pass it to huma's functions (huma.Get,
// huma.Post …) as a last argument. Before huma.Register, call it with the operation. If
// BodyLimit or ReadTimeout is 0, the operation's own MaxBodyBytes or BodyReadTimeout is used.
//
//	huma.Post(api, "/files", upload, limits.Operation)
//
// Operations of a huma.Group with a prefix have huma's own limits for bodies, 1 MiB and
// 5 seconds, where their Limits don't name BodyLimit and ReadTimeout.
func (l Limits) Operation(op *huma.Operation) {
	if l.BodyLimit != 0 {
		op.MaxBodyBytes = -1 // turn huma's limit off
	}
	if l.ReadTimeout != 0 {
		op.BodyReadTimeout = l.ReadTimeout
	}
	if op.Metadata == nil {
		op.Metadata = make(map[string]any)
	}
	op.Metadata[limitsKey] = l
}

// limitsKey is the key of the limits in an operation's Metadata, until it is registered.
const limitsKey = "httpmodule.limits"

// limitsOf returns the limits of an operation.
func limitsOf(op *huma.Operation) Limits {
	limits, _ := op.Metadata[limitsKey].(Limits)
	if limits.BodyLimit == 0 && op.MaxBodyBytes > 0 && op.MaxBodyBytes != humaMaxBodyBytes {
		limits.BodyLimit = op.MaxBodyBytes
	}
	if limits.ReadTimeout == 0 && op.BodyReadTimeout != humaBodyReadTimeout {
		limits.ReadTimeout = op.BodyReadTimeout
	}
	for _, response := range op.Responses {
		if response == nil || response.Content["text/event-stream"] == nil {
			continue
		}
		if limits.RequestTimeout == 0 && limits.WriteTimeout == 0 {
			limits.RequestTimeout, limits.WriteTimeout, limits.EndAtStop = NoLimit, NoLimit, true
		}
	}
	return limits
}

// withDefaults replaces limits that are 0 by the server's.
func (l Limits) withDefaults(c Config) Limits {
	if l.RequestTimeout == 0 {
		l.RequestTimeout = c.RequestTimeout
	}
	if l.BodyLimit == 0 {
		l.BodyLimit = c.BodyLimit
	}
	return l
}

// answerBy returns the time at which a request that began at started must be answered: a quarter
// of its write timeout is left to send the answer. It is zero for a request without a write
// timeout.
func (l Limits) answerBy(c Config, started time.Time) time.Time {
	timeout := l.WriteTimeout
	if timeout == 0 {
		timeout = c.WriteTimeout
	}
	if timeout <= 0 {
		return time.Time{}
	}
	return started.Add(timeout * 3 / 4)
}

// serverOf returns the server that an API belongs to.
func serverOf(api huma.API) *Server {
	for {
		group, ok := api.(*huma.Group)
		if !ok {
			break
		}
		api = group.API
	}
	own, ok := api.Adapter().(*adapter)
	if !ok {
		panic("the API belongs to no httpmodule server: use the one that the Routes function gets")
	}
	return own.server
}

// keyOf returns the key of a route, with the host that the route belongs to.
func (s *Server) keyOf(route *echo.Route) routeKey {
	routers := map[string]*echo.Router{"": s.echo.Router()}
	for host, router := range s.echo.Routers() {
		routers[host] = router
	}
	for host, router := range routers {
		for _, known := range router.Routes() {
			if known == route {
				return routeKey{host: host, method: route.Method, path: route.Path}
			}
		}
	}
	panic(fmt.Sprintf("the route %s %s is not on this server's router", route.Method, route.Path))
}

// limitsFor returns the limits of a request's route.
func (s *Server) limitsFor(c echo.Context) Limits {
	if len(s.limits) == 0 {
		return Limits{}.withDefaults(s.config)
	}
	r := c.Request()
	key := routeKey{method: r.Method, path: c.Path()}
	if s.echo.Routers()[r.Host] != nil {
		key.host = r.Host
	}
	limits, ok := s.limits[key]
	if !ok && key.method == http.MethodHead {
		key.method = http.MethodGet
		limits = s.limits[key]
	}
	return limits.withDefaults(s.config)
}

// withLimits applies RequestTimeout and EndAtStop to a request's context. It sets the deadline on
// own, the request's base context. It wraps ctx in another context with the deadline only if
// somebody has called own.Done already, or if ctx does not inherit own's deadline. end cancels the
// contexts that it has made; end is nil if it has made none.
func (s *Server) withLimits(ctx context.Context, limits Limits, own *requestContext) (_ context.Context, end context.CancelFunc) {
	if after := limits.RequestTimeout; after > 0 && !(own.setTimeout(after) && deadlineReaches(ctx, own)) {
		ctx, end = context.WithTimeout(ctx, after)
	}
	if !limits.EndAtStop {
		return ctx, end
	}
	timer := end
	within, cancel := context.WithCancelCause(ctx)
	unregister := context.AfterFunc(s.streams, func() { cancel(ErrStopping) })
	return within, func() {
		unregister()
		cancel(nil)
		if timer != nil {
			timer()
		}
	}
}

// deadlineReaches reports whether ctx has the deadline of own, or an earlier one. Middleware may
// have replaced the request's context by one without a deadline.
func deadlineReaches(ctx context.Context, own *requestContext) bool {
	at, ok := ctx.Deadline()
	wanted, _ := own.Deadline()
	return ok && !at.After(wanted)
}

// limitConnection sets the route's read and write deadlines on the connection. net/http resets
// them for the next request. Errors are ignored: a test's response has no connection.
func limitConnection(w http.ResponseWriter, limits Limits) {
	connection := http.NewResponseController(w)
	if limits.ReadTimeout != 0 {
		_ = connection.SetReadDeadline(deadlineAfter(limits.ReadTimeout))
	}
	if limits.WriteTimeout != 0 {
		_ = connection.SetWriteDeadline(deadlineAfter(limits.WriteTimeout))
	}
}

func deadlineAfter(after time.Duration) time.Time {
	if after < 0 {
		return time.Time{}
	}
	return time.Now().Add(after)
}
