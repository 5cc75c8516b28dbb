package httpmodule_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/httpmodule"
)

// Who waits for memory is answered before the server's or the route's WRITE_TIMEOUT, which would cut
// the answer off.
func TestWaitForMemoryEndsBeforeTheWriteTimeout(t *testing.T) {
	t.Parallel()
	const large = 1 << 20
	reserve := func(ctx context.Context) error { return httpmodule.ReserveMemory(ctx, large) }
	read := func(newRoom func(context.Context) *httpmodule.Room) func(context.Context) error {
		return func(ctx context.Context) error {
			room := newRoom(ctx)
			return room.Read(ctx, func() error {
				room.Add(large)
				return nil
			})
		}
	}
	limited := httpmodule.Limits{WriteTimeout: time.Second}
	cfg := testConfig()
	cfg.MemoryBudget, cfg.RequestTimeout, cfg.WriteTimeout = large, time.Minute, time.Second
	entered, leave := make(chan struct{}), make(chan struct{})
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			handler := func(take func(context.Context) error, taken func()) echo.HandlerFunc {
				return func(c echo.Context) error {
					if err := take(c.Request().Context()); err != nil {
						return err
					}
					taken()
					return c.NoContent(http.StatusNoContent)
				}
			}
			none := func() {}
			httpmodule.DownloadLimits().Route(api, e.GET("/hold", handler(reserve, func() {
				close(entered)
				<-leave
			})))
			e.GET("/reserve", handler(reserve, none))
			e.GET("/room", handler(read(httpmodule.NewRoom), none))
			e.GET("/patient", handler(read(httpmodule.NewPatientRoom), none))
			limited.Route(api, e.GET("/limited", handler(read(httpmodule.NewPatientRoom), none)))
		}
	})
	held := make(chan answer, 1)
	go func() { held <- f.do("GET", "/hold", "") }()
	<-entered
	for _, path := range []string{"/reserve", "/room", "/patient", "/limited"} {
		a := f.do("GET", path, "") // fails if the answer is cut off
		assert.Equal(t, http.StatusServiceUnavailable, a.status, path)
		assert.NotEmpty(t, a.header.Get("Retry-After"), path)
	}
	close(leave)
	assert.Equal(t, http.StatusNoContent, (<-held).status)
}
