package httpmodule_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

func TestFirstUseAfterTheResponse(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 1)
	var kept context.Context
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/late", func(c echo.Context) error {
				c.Response().Flush()
				ctx := c.Request().Context()
				errs <- insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "late")
				return nil
			})
			e.GET("/keep", func(c echo.Context) error {
				kept = context.WithoutCancel(c.Request().Context())
				return c.NoContent(http.StatusNoContent)
			})
		}
	})
	f.do(http.MethodPost, "/late", "")
	require.ErrorIs(t, <-errs, httpmodule.ErrResponseBegun)
	f.do(http.MethodGet, "/keep", "")
	require.Eventually(t, func() bool { return len(f.logged("request")) == 2 }, 10*time.Second, 5*time.Millisecond)
	_, err := httpmodule.Session(kept, f.db.Sessions()).NewSelect().Model((*Item)(nil)).Count(kept)
	require.ErrorIs(t, err, httpmodule.ErrResponseBegun)
	f.idle()
}

func TestOpenRoutesAreOpenForTheirMethodOnly(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SessionAPIKey = "the key"
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/docs", func(c echo.Context) error { return c.NoContent(204) })
		}
	})
	assert.Equal(t, 401, f.do(http.MethodPost, "/docs", "").status)
}

func TestAnnouncedBodyIsRefusedUnread(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.BodyLimit = 4
	called := false
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/ignores", func(c echo.Context) error { called = true; return c.NoContent(204) })
		}
	})
	assert.Equal(t, 413, f.do(http.MethodPost, "/ignores", "12345").status)
	assert.False(t, called)
	assert.Equal(t, 204, f.do(http.MethodPost, "/ignores", "1234").status)
}
