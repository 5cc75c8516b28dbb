package httpmodule

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/fx"
)

// Routes registers routes on a server: typed ones on api, plain Echo ones on e. Both have the
// same middleware, error answers and request sessions. If the server has a key, both need it,
// except typed operations whose Security is an empty list and routes of [WithoutKey].
//
// If two functions register the same route (host, method and path), [New] returns an error. If a
// function panics, as huma does for a type that it can't describe, New returns an error too. Your
// route replaces a route of the server (/alive, /health, /ready, /server_info, /openapi.json,
// /docs and the paths below it), and then needs the key like any route.
//
// [echo.Echo.Pre] and [echo.Echo.Use] add middleware to all routes; [Session] works in both.
// Middleware of Pre runs before the server checks the key, middleware of Use after it. Add your
// own CORS middleware with Pre or Use: pages of the origins that it allows may then write. The
// CORS middleware of a group or of a single route runs too late for that.
//
// Responses have "Cache-Control: no-store" and "X-Content-Type-Options: nosniff" unless a handler
// sets these headers.
//
// A GET route also answers HEAD, without a body, unless there is a HEAD route.
type Routes func(e *echo.Echo, api huma.API)

// AsRoutes adds the routes that a constructor returns to the server. The
// constructor may take anything from the graph and returns [Routes], or
// Routes and an error. Several constructors register their routes in random order.
func AsRoutes(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"httpmodule.routes"`)))
}

// AsErrorMappings adds rows to the error table, before the built-in rows. Rows of several calls
// have no particular order, so each error should match only one of them.
func AsErrorMappings(mappings ...ErrorMapping) fx.Option {
	return fx.Supply(fx.Annotate(mappings, fx.ResultTags(`group:"httpmodule.errors,flatten"`)))
}

// register calls the functions that register routes. It returns an error if two of them register
// the same route: Echo would silently use the last one. If one function registers a route twice,
// the last one wins, as in Echo.
func (s *Server) register(routes []Routes) (err error) {
	const own = -1
	by := own
	owners := make(map[routeKey]int)
	operations := make(map[string]*huma.Operation) // the server's own
	var twice []error
	s.echo.OnAddRouteHandler = func(host string, route echo.Route, handler echo.HandlerFunc, _ []echo.MiddlewareFunc) {
		if isNotFound(handler) {
			return // Echo registers it for a group with middleware
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
			twice = append(twice, fmt.Errorf("two constructors register the route %s", key))
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

// forget closes one of the server's own routes and removes it from the OpenAPI document, because
// another route replaces it. A typed replacement is in the document already, and stays there.
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

// WithoutKey lets clients call a plain route without the server's key, and returns the route. An
// open GET route is open for HEAD too. api is the argument of the function of type [Routes]. A
// typed operation needs no key if its Security is an empty list.
//
//	httpmodule.WithoutKey(api, e.GET("/health", health))
func WithoutKey(api huma.API, route *echo.Route) *echo.Route {
	serverOf(api).openRoute(route.Method, route.Path)
	return route
}

// routeKey identifies a route. host is "" unless the route belongs to [echo.Echo.Host].
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

// isNotFound reports whether a handler is echo.NotFoundHandler.
func isNotFound(handler echo.HandlerFunc) bool {
	return reflect.ValueOf(handler).Pointer() == reflect.ValueOf(echo.NotFoundHandler).Pointer()
}
