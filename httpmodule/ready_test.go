package httpmodule_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// readyOf asks /ready.
func readyOf(f *fixture) (status int, reads, writes bool, reasons []string) {
	f.t.Helper()
	var body struct {
		Reasons  []string
		Database struct{ Reads, Writes bool }
	}
	a := f.do(http.MethodGet, "/ready", "")
	require.NoError(f.t, json.Unmarshal([]byte(a.body), &body), a.body)
	return a.status, body.Database.Reads, body.Database.Writes, body.Reasons
}

// Somebody who writes for long keeps nobody from reading.
func TestReadyWaitsForNoWriter(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/long", func(c echo.Context) error {
				ctx := c.Request().Context()
				if err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "long"); err != nil {
					return err
				}
				close(entered)
				<-leave
				return c.NoContent(204)
			})
		}
	})
	done := make(chan int, 1)
	go func() { done <- f.do(http.MethodPost, "/long", "").status }()
	<-entered
	status, reads, writes, reasons := readyOf(f)
	assert.True(t, status == 200 && reads && writes, "%d %v", status, reasons)
	close(leave)
	assert.Equal(t, 204, <-done)
}

func TestReadyKnowsThatWritesFail(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/full", func(echo.Context) error { return fmt.Errorf("store: %w", dbmodule.ErrDiskFull) })
			e.POST("/readonly", func(echo.Context) error { return fmt.Errorf("store: %w", dbmodule.ErrReadOnly) })
			e.GET("/wrong", func(c echo.Context) error {
				ctx := c.Request().Context()
				return insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "x")
			})
		}
	})
	assert.Equal(t, 500, f.do(http.MethodGet, "/wrong", "").status)
	status, reads, writes, _ := readyOf(f)
	assert.True(t, status == 200 && reads && writes, "a handler's mistake says nothing of the database")

	for path, want := range map[string]string{
		"/full":     "writes fail: the database has no room left",
		"/readonly": "writes fail: the database takes no changes",
	} {
		require.GreaterOrEqual(t, f.do(http.MethodPost, path, "").status, 500)
		status, reads, writes, reasons := readyOf(f)
		assert.True(t, status == 503 && reads && !writes, "%d %v %v", status, reads, writes)
		assert.Equal(t, []string{want}, reasons)

		httpmodule.AgeWriteFailure(f.server)
		status, _, writes, _ = readyOf(f)
		assert.True(t, status == 200 && writes, "what was long ago says nothing")
	}
}
