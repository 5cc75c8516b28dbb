package httpmodule

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
)

// newCrossOrigin makes what refuses to let web pages of other origins write: a
// browser sends them "simple" requests without asking first, and a server
// without a key would carry them out. Only browsers send what it looks at.
func newCrossOrigin(cfg Config) (*http.CrossOriginProtection, error) {
	if slices.Contains(cfg.CORSOrigins, "*") {
		return nil, nil //nolint:nilnil // all origins are welcome: nothing to refuse
	}
	protection := http.NewCrossOriginProtection()
	for _, origin := range cfg.CORSOrigins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("httpmodule: CORS_ORIGINS: %w", err)
		}
	}
	return protection, nil
}

// refuseCrossOrigin answers 403 to a write from a page of an origin that is
// neither this server's nor in CORS_ORIGINS.
func (s *Server) refuseCrossOrigin(c echo.Context) error {
	if s.crossOrigin == nil {
		return nil
	}
	if err := s.crossOrigin.Check(c.Request()); err != nil {
		return &HTTPError{
			Status: http.StatusForbidden,
			Detail: "Forbidden: the request comes from a web page of another origin; add that origin to CORS_ORIGINS to allow it",
			Cause:  err,
		}
	}
	return nil
}
