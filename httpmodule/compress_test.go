package httpmodule_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

func TestGzip(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("some text ", 1000)
	routes := func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			text := func(kind, body string) echo.HandlerFunc {
				return func(c echo.Context) error { return c.Blob(200, kind, []byte(body)) }
			}
			e.GET("/long", text("application/json; charset=utf-8", long))
			e.GET("/short", text("text/plain", long[:1000]))
			e.GET("/picture", text("image/png", long))
			e.GET("/encoded", func(c echo.Context) error {
				c.Response().Header().Set("Content-Encoding", "br")
				return c.Blob(200, "text/plain", []byte(long))
			})
			e.GET("/parts", func(c echo.Context) error {
				c.Response().Header().Set("Content-Type", "text/plain")
				for part := range strings.SplitSeq(long, " ") {
					if _, err := io.WriteString(c.Response(), part+" "); err != nil {
						return err
					}
				}
				return nil
			})
			e.GET("/flushed", func(c echo.Context) error {
				c.Response().Header().Set("Content-Type", "text/plain")
				c.Response().Flush()
				_, err := io.WriteString(c.Response(), long)
				return err
			})
			e.POST("/unstored", func(c echo.Context) error {
				ctx := c.Request().Context()
				if err := insertOrphan(ctx, httpmodule.Session(ctx, f.db.Sessions()), "x"); err != nil {
					return err
				}
				return c.Blob(200, "text/plain", []byte(long))
			})
			e.GET("/aborts", func(c echo.Context) error {
				_ = c.Blob(200, "text/plain", []byte(long))
				panic(http.ErrAbortHandler)
			})
		}
	}
	cfg := testConfig()
	f := serve(t, cfg, routes)
	cfg.Compress = false
	off := serve(t, cfg, routes)
	f.client.Transport.(*http.Transport).DisableCompression = true
	off.client.Transport.(*http.Transport).DisableCompression = true

	for name, c := range map[string]struct {
		path   string
		header []string
		want   bool
	}{
		"text":                      {"/long", nil, true},
		"among others":              {"/long", []string{"Accept-Encoding", "br, GZIP;q=0.5"}, true},
		"in parts":                  {"/parts", nil, true},
		"the document":              {"/openapi.json", nil, true},
		"not wanted":                {"/long", []string{"Accept-Encoding", "br"}, false},
		"refused":                   {"/long", []string{"Accept-Encoding", "gzip;q=0"}, false},
		"short":                     {"/short", nil, false},
		"no text":                   {"/picture", nil, false},
		"encoded already":           {"/encoded", nil, false},
		"flushed before":            {"/flushed", nil, false},
		"a cookie of somebody":      {"/long", []string{"Cookie", "session=secret"}, false},
		"our cookie":                {"/long", []string{"Cookie", "write_token=x"}, true},
		"a page of another site":    {"/long", []string{"Sec-Fetch-Site", "cross-site"}, false},
		"a page of the server's":    {"/long", []string{"Sec-Fetch-Site", "same-origin"}, true},
		"a page of another of ours": {"/long", []string{"Sec-Fetch-Site", "same-site"}, false},
	} {
		a := f.do(http.MethodGet, c.path, "", append([]string{"Accept-Encoding", "gzip"}, c.header...)...)
		require.Equal(t, 200, a.status, name)
		assert.Equal(t, c.want, a.header.Get("Content-Encoding") == "gzip", name)
		plain := off.do(http.MethodGet, c.path, "", append([]string{"Accept-Encoding", "gzip"}, c.header...)...)
		assert.NotEqual(t, "gzip", plain.header.Get("Content-Encoding"), name)
		body := a.body
		if c.want {
			assert.Less(t, len(a.body), len(plain.body)/2, name)
			assert.Contains(t, a.header.Values("Vary"), "Accept-Encoding", name)
			body = gunzip(t, a.body)
		}
		assert.Equal(t, plain.body, body, name)
	}
	a := f.do(http.MethodPost, "/unstored", "", "Accept-Encoding", "gzip")
	assert.Equal(t, 409, a.status, "the answer is the commit's")
	assert.Empty(t, a.header.Get("Content-Encoding"))
	assert.Contains(t, a.body, "detail")

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url("/aborts"), nil)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := f.client.Do(r)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	assert.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF), "an aborted response does not look whole: %v", err)
}

func gunzip(t *testing.T, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	require.NoError(t, err)
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	require.NoError(t, err)
	return b.String()
}

// The log has the client's address, and believes only the configured proxies.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		trusted []string
		want    string
	}{
		{nil, "127.0.0.1"},
		{[]string{"10.0.0.0/8"}, "127.0.0.1"},
		{[]string{"127.0.0.1", "10.0.0.0/8"}, "203.0.113.7"},
	} {
		cfg := testConfig()
		cfg.TrustedProxies = c.trusted
		f := serve(t, cfg, func(*fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.GET("/", func(c echo.Context) error { return c.String(200, c.RealIP()) })
			}
		})
		a := f.do(http.MethodGet, "/", "", "X-Forwarded-For", "8.8.8.8, 203.0.113.7, 10.1.2.3", "X-Real-IP", "8.8.8.8")
		assert.Equal(t, c.want, a.body, "%v", c.trusted)
		f.idle()
		require.NotEmpty(t, f.logged("request"))
		assert.Equal(t, c.want, f.logged("request")[0].ContextMap()["client"], "%v", c.trusted)
	}
	for _, proxy := range []string{"", "10.0.0.0/33", "proxy.example"} {
		cfg := testConfig()
		cfg.TrustedProxies = []string{proxy}
		require.ErrorContains(t, cfg.Validate(), "TRUSTED_PROXIES", proxy)
	}
}
