package httpmodule_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// Middleware may hold the response back in a buffer, and leave the buffer as the writer when its handler
// fails. The client is told what became of its request nevertheless.
func TestMiddlewareThatHoldsTheResponseBack(t *testing.T) {
	t.Parallel()
	buffers := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			sends, buffer := c.Response().Writer, httptest.NewRecorder()
			c.Response().Writer = buffer
			if err := next(c); err != nil {
				return err
			}
			c.Response().Writer = sends
			sends.WriteHeader(buffer.Code)
			_, err := sends.Write(buffer.Body.Bytes())
			return err
		}
	}
	for place, install := range map[string]func(e *echo.Echo) []echo.MiddlewareFunc{
		"e.Pre":   func(e *echo.Echo) []echo.MiddlewareFunc { e.Pre(buffers); return nil },
		"e.Use":   func(e *echo.Echo) []echo.MiddlewareFunc { e.Use(buffers); return nil },
		"a route": func(*echo.Echo) []echo.MiddlewareFunc { return []echo.MiddlewareFunc{buffers} },
	} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
				return func(e *echo.Echo, _ huma.API) {
					own := install(e)
					e.POST("/:end", func(c echo.Context) error {
						ctx := c.Request().Context()
						require.NoError(t, insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), c.Param("end")))
						switch c.Param("end") {
						case "fails":
							return httpmodule.NewError(http.StatusTeapot, "no")
						case "breaks":
							return errors.New("broken")
						case "refuses":
							return c.String(http.StatusConflict, "no")
						case "panics":
							panic("boom")
						}
						return c.NoContent(http.StatusCreated)
					}, own...)
				}
			})
			for end, want := range map[string]int{
				"fails": http.StatusTeapot, "refuses": http.StatusConflict, "breaks": http.StatusInternalServerError, "panics": http.StatusInternalServerError, "succeeds": http.StatusCreated,
			} {
				got := f.do(http.MethodPost, "/"+end, "")
				assert.Equal(t, want, got.status, end)
				assert.Equal(t, want >= http.StatusBadRequest, got.body != "", end)
			}
			assert.Equal(t, []string{"succeeds"}, f.names())
		})
	}
}
