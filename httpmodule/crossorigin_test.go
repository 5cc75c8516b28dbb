package httpmodule_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/httpmodule"
)

// A browser sends a page's text/plain POST to any server without asking it.
func TestPagesOfOtherOriginsCannotWrite(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		origins []string
		method  string
		header  map[string]string
		want    int
	}{
		"not a browser":         {nil, http.MethodPost, nil, http.StatusCreated},
		"the server's own page": {nil, http.MethodPost, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://example.com"}, http.StatusCreated},
		"another site's page":   {nil, http.MethodPost, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, http.StatusForbidden},
		"an older browser":      {nil, http.MethodPost, map[string]string{"Origin": "http://evil.example"}, http.StatusForbidden},
		"reading":               {nil, http.MethodGet, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, http.StatusOK},
		"an allowed origin":     {[]string{"http://good.example"}, http.MethodPost, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://good.example"}, http.StatusCreated},
		"not the allowed one":   {[]string{"http://good.example"}, http.MethodPost, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, http.StatusForbidden},
		"all origins allowed":   {[]string{"*"}, http.MethodPost, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, http.StatusCreated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig()
			cfg.CORSOrigins = test.origins
			f := serve(t, cfg, func(*fixture) httpmodule.Routes {
				return func(e *echo.Echo, _ huma.API) {
					e.GET("/things", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
					e.POST("/things", func(c echo.Context) error { return c.NoContent(http.StatusCreated) })
				}
			})
			request := httptest.NewRequest(test.method, "http://example.com/things", strings.NewReader("{}"))
			request.Header.Set("Content-Type", "text/plain")
			for name, value := range test.header {
				request.Header.Set(name, value)
			}
			answer := httptest.NewRecorder()
			f.server.ServeHTTP(answer, request)
			assert.Equal(t, test.want, answer.Code, answer.Body.String())
		})
	}
}
