package httpmodule_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// No cache keeps data, no browser guesses types; a handler may say otherwise.
func TestHeadersOfAllResponses(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.GET("/data", func(c echo.Context) error { return c.JSON(200, "data") })
			e.GET("/kept", func(c echo.Context) error {
				c.Response().Header().Set("Cache-Control", "max-age=60")
				if c.QueryParam("fails") != "" {
					return httpmodule.NewError(404, "")
				}
				return c.JSON(200, "kept")
			})
			e.GET("/added", func(c echo.Context) error {
				c.Response().Header().Add("Cache-Control", "max-age=60") // as proxies do with what they were answered
				c.Response().Header().Add("Cache-Control", "public")
				c.Response().Header().Add("X-Content-Type-Options", "nosniff")
				c.Response().Header().Add("X-Request-ID", "of-the-answer")
				return c.JSON(200, "kept")
			})
			e.GET("/nothing", func(echo.Context) error { return nil })
			e.POST("/unstored", func(c echo.Context) error {
				ctx := c.Request().Context()
				if err := insertOrphan(ctx, httpmodule.Session(ctx, f.db.Sessions()), "x"); err != nil {
					return err
				}
				return c.NoContent(201)
			})
		}
	})
	for path, want := range map[string]string{
		"/data": "no-store", "/kept": "max-age=60", "/kept?fails=1": "no-store", "/nowhere": "no-store", "/alive": "no-store",
		"/added": "max-age=60, public", "/nothing": "no-store",
		"/docs": "no-cache", "/openapi.json": "no-cache", "/docs/swagger-ui.css": "no-cache",
	} {
		a := f.do(http.MethodGet, path, "")
		assert.Equal(t, want, strings.Join(a.header["Cache-Control"], ", "), path)
		assert.Equal(t, []string{"nosniff"}, a.header["X-Content-Type-Options"], path)
		assert.Len(t, a.header["X-Request-Id"], 1, path)
		assert.NotEqual(t, "of-the-answer", a.header.Get("X-Request-ID"), path)
	}
	a := f.do(http.MethodPost, "/unstored", "")
	assert.Equal(t, 409, a.status)
	assert.Equal(t, "no-store nosniff", a.header.Get("Cache-Control")+" "+a.header.Get("X-Content-Type-Options"), "a response that is replaced")
}

func TestDocumentsAreSentOnce(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), nil)
	for _, path := range []string{"/docs", "/openapi.json"} {
		first := f.do(http.MethodGet, path, "")
		require.Equal(t, 200, first.status, path)
		tag := first.header.Get("ETag")
		require.NotEmpty(t, tag, path)
		again := f.do(http.MethodGet, path, "", "If-None-Match", tag)
		assert.Equal(t, 304, again.status, path)
		assert.Empty(t, again.body, path)
		assert.Equal(t, 200, f.do(http.MethodGet, path, "", "If-None-Match", `"other"`).status, path)
	}
	assert.Contains(t, f.do(http.MethodGet, "/docs", "").body, `persistAuthorization: false`, "the key stays in the tab")
}

func TestConfigRefusesWhatNobodyCanSend(t *testing.T) {
	t.Parallel()
	for _, key := range []string{" key", "key ", "ke\ny", "k\x00y", "schlüssel", "k\x7fy"} {
		cfg := testConfig()
		cfg.SessionAPIKey = httpmodule.Secret(key)
		err := cfg.Validate()
		require.ErrorContains(t, err, "SESSION_API_KEY", "%q", key)
		assert.NotContains(t, err.Error(), strings.TrimSpace(key))
	}
	cfg := testConfig()
	cfg.SessionAPIKey = "a key with ~!@#$%^&*()_+ {}"
	assert.NoError(t, cfg.Validate())
}

func TestConfigRefusesOriginsThatMatchNothing(t *testing.T) {
	t.Parallel()
	for origin, why := range map[string]string{
		"https://*.example.com":     "matches nothing: * can't be a part",
		"**":                        "takes * or scheme://host[:port] without a path",
		"*.example.com":             "takes * or scheme://host[:port] without a path",
		"https://*":                 "matches nothing: * can't be a part",
		"https://App.example.com":   "matches nothing: browsers write origins in lower case",
		"https://app.example:443":   "matches nothing: browsers leave out the scheme's default port",
		"http://app.example:80":     "matches nothing: browsers leave out the scheme's default port",
		"https://bücher.example":    "matches nothing: browsers write host names in their ASCII form",
		"https://app.example/":      "takes * or scheme://host[:port] without a path",
		"app.example":               "takes * or scheme://host[:port] without a path",
		"*":                         "",
		"http://localhost:3000":     "",
		"http://app.example:443":    "",
		"https://app.example:8443":  "",
		"https://xn--bcher.example": "",
	} {
		cfg := testConfig()
		cfg.CORSOrigins = []string{origin}
		if err := cfg.Validate(); why == "" {
			require.NoError(t, err, origin)
		} else {
			require.ErrorContains(t, err, "CORS_ORIGINS="+origin+": "+why)
		}
	}
}
