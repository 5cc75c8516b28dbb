package httpmodule

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/fx"
)

// Routes registers routes on a server: typed ones on api, plain Echo ones on
// e. Both see the same middleware, errors and request session, and need the
// server's key if it has one; a typed operation whose Security is an empty
// list does not.
//
// A route that two functions register is an error of [New]: the same host, method and
// path. So is a panic, by which huma reports a type that it can't describe. Your route
// replaces a route of the server (/alive, /health, /ready, /server_info, /openapi.json,
// /docs and the paths below it), and needs the key like any route: see [WithoutKey].
//
// [echo.Echo.Pre] and Use add middleware around all routes; requests have their
// [Session] in both. Middleware of Pre runs before the server checks the key, that of Use
// after it. Add your own CORS middleware by one of them: origins that it
// allows may write. In a group or at a route it comes too late for that.
//
// Responses have "Cache-Control: no-store" and "X-Content-Type-Options: nosniff" unless a
// handler sets these headers to something else.
//
// The route of GET also answers HEAD, without a body, unless there is a HEAD route.
type Routes func(e *echo.Echo, api huma.API)

// AsRoutes adds the routes that a constructor returns to the server. The
// constructor may take anything from the graph and returns [Routes], or
// Routes and an error. Several constructors register their routes in random order.
func AsRoutes(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"httpmodule.routes"`)))
}

// AsErrorMappings adds rows to the table of errors, before the built-in ones.
// Rows of several calls have no particular order: let each error match
// only one row.
func AsErrorMappings(mappings ...ErrorMapping) fx.Option {
	return fx.Supply(fx.Annotate(mappings, fx.ResultTags(`group:"httpmodule.errors,flatten"`)))
}

// register runs the routes' functions and finds collisions between them, which
// Echo resolves silently in favour of the last. What one function registers twice is
// its own affair, as in Echo.
func (s *Server) register(routes []Routes) (err error) {
	const own = -1
	by := own
	owners := make(map[routeKey]int)
	operations := make(map[string]*huma.Operation) // the server's own
	var twice []error
	s.echo.OnAddRouteHandler = func(host string, route echo.Route, handler echo.HandlerFunc, _ []echo.MiddlewareFunc) {
		if isNotFound(handler) {
			return // of a group with middleware, which Echo registers itself
		}
		key := routeKey{host: host, method: route.Method, path: route.Path}
		owner, there := owners[key]
		switch {
		case !there:
			owners[key] = by
		case owner == own && by != own:
			owners[key] = by
			s.forget(key, operations[key.path])
		case owner != by:
			twice = append(twice, fmt.Errorf("%s is there twice, by two constructors of routes", key))
		}
	}
	defer func() {
		s.echo.OnAddRouteHandler = nil
		if cause := recover(); cause != nil {
			err = fmt.Errorf("httpmodule: register routes: %v", cause)
		}
	}()
	s.registerOwn()
	for path, item := range s.api.OpenAPI().Paths {
		operations[path] = item.Get
	}
	for i, register := range routes {
		if by = i; register != nil {
			register(s.echo, s.api)
		}
	}
	if twice != nil {
		return fmt.Errorf("httpmodule: register routes: %w", errors.Join(twice...))
	}
	leaveOutDefaults(s.api.OpenAPI().Components.Schemas)
	return nil
}

// forget removes what is said about a route of the server's own, because another takes
// its place. A typed one stands in the document by now.
func (s *Server) forget(key routeKey, own *huma.Operation) {
	delete(s.open, key.method+" "+key.path)
	paths := s.api.OpenAPI().Paths
	item := paths[key.path]
	if item == nil || own == nil || item.Get != own {
		return
	}
	item.Get = nil
	if item.Post == nil && item.Put == nil && item.Patch == nil && item.Delete == nil {
		delete(paths, key.path)
	}
}

// WithoutKey lets clients call a plain route without the server's key, for HEAD as for GET,
// and returns the route. api is the one that the function of type [Routes] got. A typed
// operation needs no key when its Security is an empty list.
//
//	httpmodule.WithoutKey(api, e.GET("/health", health))
func WithoutKey(api huma.API, route *echo.Route) *echo.Route {
	serverOf(api).openRoute(route.Method, route.Path)
	return route
}

// routeKey is what one route must not share with another.
type routeKey struct{ host, method, path string }

func (k routeKey) String() string {
	method := k.method
	if method == echo.RouteNotFound {
		method = "RouteNotFound"
	}
	if k.host == "" {
		return method + " " + k.path
	}
	return method + " " + k.host + k.path
}

// isNotFound tells Echo's handler of what is not there.
func isNotFound(handler echo.HandlerFunc) bool {
	return reflect.ValueOf(handler).Pointer() == reflect.ValueOf(echo.NotFoundHandler).Pointer()
}
