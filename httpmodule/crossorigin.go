package httpmodule

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// refuseCrossOrigin answers 403 to a write, or to the begin of a websocket, from a page
// of an origin that is neither this server's nor allowed by CORS_ORIGINS or middleware: a
// browser sends "simple" requests without asking first, and a server without a key would
// carry them out. Only browsers send what it looks at.
func (s *Server) refuseCrossOrigin(c echo.Context) error {
	r := c.Request()
	if isWebSocket(r) {
		// Browsers let any page open one and read all that comes.
		unsafe := *r
		unsafe.Method, r = http.MethodPost, &unsafe
	}
	err := s.crossOrigin.Check(r)
	if err == nil || allowsOrigin(c.Response().Header(), r.Header.Get("Origin")) {
		return nil
	}
	return &HTTPError{
		Status: http.StatusForbidden,
		Detail: "Forbidden: the request comes from a web page of another origin; add that origin to CORS_ORIGINS to allow it",
		Cause:  err,
	}
}

// allowsOrigin tells whether the response says to the browser that its page may read it.
func allowsOrigin(header http.Header, origin string) bool {
	allowed := header.Get("Access-Control-Allow-Origin")
	return allowed == "*" || allowed != "" && allowed == origin
}

// isWebSocket tells the request that begins a websocket.
func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// isPreflight tells the question of a browser whether a page may send a request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}
