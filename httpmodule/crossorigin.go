package httpmodule

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// refuseCrossOrigin returns a 403 for a write, or a websocket handshake, from a web page of an
// origin that is neither this server's nor allowed by CORS_ORIGINS or by middleware. A browser
// sends "simple" requests without a preflight, and a server without a key would execute them.
// Clients that are not browsers pass: they send neither Origin nor Sec-Fetch-Site.
func (s *Server) refuseCrossOrigin(c echo.Context) error {
	r := c.Request()
	if isWebSocket(r) {
		// Browsers let a page of any origin open a websocket and read its messages.
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

// allowsOrigin reports whether the response's CORS headers allow this origin.
func allowsOrigin(header http.Header, origin string) bool {
	allowed := header.Get("Access-Control-Allow-Origin")
	return allowed == "*" || allowed != "" && allowed == origin
}

// isWebSocket reports whether a request is a websocket handshake.
func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// isPreflight reports whether a request is a CORS preflight: a browser asks whether a page may
// send a request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}
