package httpmodule_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// gate lets in who sends "k", and keeps what it was asked.
type gate struct{ asked []httpmodule.Attempt }

func (g *gate) Admit(a httpmodule.Attempt) (string, error) {
	g.asked = append(g.asked, a)
	for _, key := range a.Keys {
		if key == "k" {
			return "somebody", nil
		}
	}
	if len(a.Keys) > 0 {
		return "", httpmodule.NewError(http.StatusForbidden, "no")
	}
	return "", httpmodule.Unauthorized()
}

func TestGate(t *testing.T) {
	t.Parallel()
	g := &gate{}
	cfg := httpmodule.DefaultConfig()
	cfg.Gate, cfg.TrustedProxies, cfg.Host = g, []string{"192.0.2.1"}, "0.0.0.0"
	core, logs := observer.New(zap.InfoLevel)
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	server, err := httpmodule.New(cfg, httpmodule.Info{}, zap.New(core), db, func(e *echo.Echo, api huma.API) {
		e.GET("/notes/:id", func(c echo.Context) error { return c.String(200, httpmodule.KeyName(c.Request().Context())) })
		httpmodule.WithoutKey(api, e.GET("/open", func(c echo.Context) error { return c.NoContent(204) }))
	})
	require.NoError(t, err)
	ask := func(method, path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w
	}
	assert.Equal(t, 401, ask(http.MethodGet, "/notes/1").Code)
	assert.Equal(t, 403, ask(http.MethodDelete, "/no/route", "X-Session-API-Key", "x").Code)
	assert.Equal(t, 204, ask(http.MethodGet, "/open").Code)
	got := ask(http.MethodGet, "/notes/1", "X-Session-API-Key", "x", "Authorization", "bearer k", "X-Forwarded-For", "198.51.100.7")
	assert.Equal(t, 200, got.Code)
	assert.Equal(t, "somebody", got.Body.String())
	require.Len(t, g.asked, 3, "the open route asks nobody")
	assert.Equal(t, httpmodule.Attempt{Method: http.MethodGet, Route: "/notes/:id", Client: "192.0.2.1"}, g.asked[0])
	assert.Equal(t, httpmodule.Attempt{
		Keys: []string{"x", "k"}, Method: http.MethodGet, Route: "/notes/:id", Client: "198.51.100.7",
	}, g.asked[2])
	lines := logs.FilterMessage("request").All()
	require.Len(t, lines, 4)
	assert.Equal(t, "somebody", lines[3].ContextMap()["key"])
	assert.NotContains(t, lines[0].ContextMap(), "key")
	assert.Empty(t, httpmodule.KeyName(context.Background()))

	cfg.SessionAPIKey = "k"
	require.ErrorContains(t, cfg.Validate(), "SESSION_API_KEY: Config.Gate is set too")
}

// A stream asks again when its request is over: for another method, and with a key that came later.
func TestCaller(t *testing.T) {
	t.Parallel()
	g := &gate{}
	cfg := httpmodule.DefaultConfig()
	cfg.Gate = g
	var callers []httpmodule.Caller
	server, err := httpmodule.New(cfg, httpmodule.Info{}, nil, dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite)), func(e *echo.Echo, api huma.API) {
		httpmodule.WithoutKey(api, e.GET("/live/:id", func(c echo.Context) error {
			who, err := httpmodule.CallerOf(c.Request())
			callers = append(callers, who)
			return err
		}))
	})
	require.NoError(t, err)
	for _, key := range []string{"", "k"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/live/1", nil)
		r.Header.Set("X-Session-API-Key", key)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		require.Equal(t, 200, w.Code)
	}
	require.Len(t, callers, 2)
	silent, known := callers[0], callers[1]
	assert.False(t, silent.SentKey())
	require.Error(t, silent.Admit(http.MethodGet))
	require.NoError(t, silent.WithKey("k").Admit(http.MethodGet))
	assert.True(t, known.SentKey())
	require.NoError(t, known.Admit(http.MethodPost))
	require.Error(t, known.WithKey("x").Admit(http.MethodPost))
	client := g.asked[0].Client
	assert.NotEmpty(t, client)
	assert.Equal(t, []httpmodule.Attempt{
		{Method: http.MethodGet, Route: "/live/:id", Client: client},
		{Keys: []string{"k"}, Method: http.MethodGet, Route: "/live/:id", Client: client},
		{Keys: []string{"k"}, Method: http.MethodPost, Route: "/live/:id", Client: client},
		{Keys: []string{"x"}, Method: http.MethodPost, Route: "/live/:id", Client: client},
	}, g.asked)

	_, err = httpmodule.CallerOf(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	require.ErrorContains(t, err, "belongs to no server")
}
