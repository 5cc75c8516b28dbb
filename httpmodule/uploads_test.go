package httpmodule_test

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// Files of a form that are too large for memory are in temporary files, which go with the request.
func TestUploadsLeaveNoFiles(t *testing.T) {
	t.Parallel()
	const path = "/upload"
	nameOf := func(file any) (string, error) {
		onDisk, ok := file.(*os.File)
		if !ok {
			return "", httpmodule.NewError(http.StatusTeapot, "it is in memory")
		}
		if _, err := os.Stat(onDisk.Name()); err != nil {
			return "", err
		}
		return onDisk.Name(), onDisk.Close()
	}
	plain := func(c echo.Context) error {
		if err := c.Request().ParseMultipartForm(1); err != nil {
			return err
		}
		header, err := c.FormFile("f")
		if err != nil {
			return err
		}
		file, err := header.Open()
		if err != nil {
			return err
		}
		name, err := nameOf(file)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, name)
	}
	// inAnother gives handlers another request, as middleware does that puts a value into its context.
	inAnother := func(back bool) echo.MiddlewareFunc {
		return func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				r := c.Request()
				if back {
					defer c.SetRequest(r)
				}
				c.SetRequest(r.WithContext(context.WithValue(r.Context(), userKey{}, "anna")))
				return next(c)
			}
		}
	}
	for name, routes := range map[string]func(e *echo.Echo, api huma.API){
		"a plain route": func(e *echo.Echo, _ huma.API) { e.POST(path, plain) },
		"a typed route": func(_ *echo.Echo, api huma.API) {
			type form struct {
				F huma.FormFile `form:"f"`
			}
			type input struct{ RawBody huma.MultipartFormFiles[form] }
			huma.Post(api, path, func(_ context.Context, in *input) (*textOutput, error) {
				name, err := nameOf(in.RawBody.Data().F.File)
				return &textOutput{Body: name}, err
			})
		},
		"a handler that fails": func(e *echo.Echo, _ huma.API) {
			e.POST(path, func(c echo.Context) error { _ = plain(c); panic("boom") })
		},
		"a request of middleware":           func(e *echo.Echo, _ huma.API) { e.Use(inAnother(true)); e.POST(path, plain) },
		"a request of a route's middleware": func(e *echo.Echo, _ huma.API) { e.POST(path, plain, inAnother(false)) },
		"a form that e.Pre reads": func(e *echo.Echo, _ huma.API) {
			e.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					if err := c.Request().ParseMultipartForm(1); err != nil {
						return err
					}
					return next(c)
				}
			})
			e.POST(path, plain)
		},
		"a route with limits of its own": func(e *echo.Echo, api huma.API) {
			httpmodule.Limits{RequestTimeout: time.Hour}.Route(api, e.POST(path, plain))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, testConfig(), func(*fixture) httpmodule.Routes { return routes })
			form := "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\nContent-Type: text/plain\r\n\r\n" +
				strings.Repeat("x", 1<<20) + "\r\n--x--\r\n"
			a := f.do(http.MethodPost, path, form, "Content-Type", "multipart/form-data; boundary=x")
			require.Equal(t, http.StatusOK, a.status, a.body)
			file := strings.Trim(a.body, `"`)
			require.Eventually(t, func() bool { return len(f.logged("request")) == 1 }, patience, time.Millisecond)
			_, err := os.Stat(file)
			assert.ErrorIs(t, err, fs.ErrNotExist, file)
			_ = os.Remove(file)
		})
	}
}
