package httpmodule

import (
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/fx"
)

// Routes registers routes on a server: typed ones on api, plain Echo ones on
// e. Both see the same middleware, errors and request session, and need the
// server's key if it has one; a typed operation whose Security is an empty
// list does not.
//
// A path that is registered twice for a method is an error of [New], and so is
// a panic, which is how huma reports a type it can't describe.
type Routes func(e *echo.Echo, api huma.API)

// AsRoutes adds what a constructor returns to the server's routes. The
// constructor takes what it likes from the graph and returns [Routes], or
// Routes and an error. The order in which several register is random.
func AsRoutes(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"httpmodule.routes"`)))
}

// AsErrorMappings adds rows to the table of errors, before the built-in ones.
// Rows of several calls come in no particular order: make each error match
// one row.
func AsErrorMappings(mappings ...ErrorMapping) fx.Option {
	return fx.Supply(fx.Annotate(mappings, fx.ResultTags(`group:"httpmodule.errors,flatten"`)))
}

// register runs the routes' functions and finds collisions, which Echo
// resolves silently in favour of the last.
func (s *Server) register(routes []Routes) (err error) {
	seen := make(map[string]bool)
	var twice string
	s.echo.OnAddRouteHandler = func(_ string, route echo.Route, _ echo.HandlerFunc, _ []echo.MiddlewareFunc) {
		key := route.Method + " " + route.Path
		if seen[key] {
			twice = key
		}
		seen[key] = true
	}
	defer func() {
		s.echo.OnAddRouteHandler = nil
		if cause := recover(); cause != nil {
			err = fmt.Errorf("httpmodule: register routes: %v", cause)
		}
	}()
	s.registerOwn()
	for _, register := range routes {
		if register != nil {
			register(s.echo, s.api)
		}
	}
	if twice != "" {
		return fmt.Errorf("httpmodule: register routes: %s is there twice", twice)
	}
	return nil
}
