package httpmodule

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// corsMaxAge is how long a browser may cache the answer to a preflight, in seconds.
const corsMaxAge = "600"

// exposedHeaders are the response headers that pages of other origins may read.
var exposedHeaders = strings.Join([]string{headerRequestID, "Retry-After", headerWriteToken}, ", ")

// cors sets the CORS headers for the configured origins. It answers a preflight itself, and
// then reports true. It never allows credentials (cookies): clients authenticate with a header.
func (s *Server) cors(c echo.Context) (answered bool, err error) {
	if len(s.config.CORSOrigins) == 0 {
		return false, nil
	}
	request, header := c.Request(), c.Response().Header()
	origin := request.Header.Get("Origin")
	switch {
	case slices.Contains(s.config.CORSOrigins, "*"):
		header.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(s.config.CORSOrigins, origin):
		header.Set("Access-Control-Allow-Origin", origin)
		header.Add("Vary", "Origin")
	default:
		header.Add("Vary", "Origin")
		return false, nil
	}
	header.Set("Access-Control-Expose-Headers", exposedHeaders)

	if !isPreflight(request) {
		return false, nil
	}
	header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	if asked := request.Header.Get("Access-Control-Request-Headers"); asked != "" {
		header.Set("Access-Control-Allow-Headers", asked)
		header.Add("Vary", "Access-Control-Request-Headers")
	}
	header.Set("Access-Control-Max-Age", corsMaxAge)
	return true, c.NoContent(http.StatusNoContent)
}
