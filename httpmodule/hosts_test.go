package httpmodule_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// A page whose own name resolves to this machine is refused, before anything runs.
func TestDNSRebinding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host, key string
		allowed   []string
		taken     []string
		refused   []string
	}{
		{
			"127.0.0.1", "", nil,
			[]string{"localhost", "LOCALHOST:3000", "localhost.", "127.0.0.1:1", "[::1]:3000", "::1", "a.localhost", "192.168.1.7:3000", "routes.example"},
			[]string{"evil.example", "evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "[evil.example]"},
		},
		{"localhost", "", []string{"Store.example", "b"}, []string{"store.example:3000", "b", "store.example."}, []string{"a.store.example", "example", "c"}},
		{"127.0.0.1", "", []string{"*"}, []string{"evil.example"}, nil},
		{"127.0.0.1", "the-key", nil, []string{"evil.example"}, nil},
	} {
		cfg := testConfig()
		cfg.Host, cfg.SessionAPIKey, cfg.AllowedHosts = c.host, httpmodule.Secret(c.key), c.allowed
		ran := 0
		f := serve(t, cfg, func(*fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
					return func(c echo.Context) error { ran++; return next(c) }
				})
				e.POST("/x", noContent)
				e.Host("routes.example").POST("/x", noContent)
			}
		})
		send := func(host string) answer {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url("/x"), strings.NewReader("{}"))
			require.NoError(t, err)
			r.Host = host
			r.Header.Set("X-Session-API-Key", c.key)
			return f.send(r)
		}
		for _, host := range c.taken {
			assert.Equal(t, 204, send(host).status, host)
		}
		ran = 0
		for _, host := range c.refused {
			a := send(host)
			assert.Equal(t, 421, a.status, host)
			assert.Contains(t, a.body, "ALLOWED_HOSTS", host)
			assert.NotEmpty(t, a.header.Get("X-Request-Id"), host)
		}
		assert.Zero(t, ran, "nothing runs for a host that is refused")

		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "http://evil.example/x", nil)
		r.Header.Set("X-Session-API-Key", c.key)
		f.server.ServeHTTP(w, r)
		assert.Equal(t, 204, w.Code, "somebody else's socket: a test, or a server around this one")
	}
	for _, host := range []string{"a:80", "http://a", "a/b", "", "*.a", "bücher.example", "'a'", `"a"`, "a;b", "a\x01"} {
		cfg := testConfig()
		cfg.AllowedHosts = []string{host}
		require.ErrorContains(t, cfg.Validate(), "ALLOWED_HOSTS", host)
	}
}
