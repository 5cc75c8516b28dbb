package httpmodule

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// corsMaxAge is how long a browser may remember a preflight's answer, in
// seconds.
const corsMaxAge = "600"

// exposedHeaders are those of our answers that pages may read.
var exposedHeaders = strings.Join([]string{headerRequestID, "Retry-After", headerWriteToken}, ", ")

// cors answers browsers that call from the configured origins, and reports
// whether that was the whole answer. Cookies are never part of it: clients
// authenticate by header.
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
