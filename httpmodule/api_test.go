package httpmodule_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

func TestTypedOperations(t *testing.T) {
	t.Parallel()
	type titled struct {
		Body struct {
			Title string `json:"title"`
		}
	}
	type listed struct{ Body []string }
	cfg := testConfig()
	cfg.SessionAPIKey = "k"
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(_ *echo.Echo, api huma.API) {
			huma.Post(api, "/titles", func(_ context.Context, in *titled) (*textOutput, error) {
				return &textOutput{Status: http.StatusCreated, Body: in.Body.Title}, nil
			})
			huma.Get(api, "/batch", func(_ context.Context, in *listed) (*textOutput, error) {
				return &textOutput{Status: http.StatusOK, Body: fmt.Sprint(in.Body)}, nil
			})
			huma.Register(api, huma.Operation{Method: http.MethodGet, Path: "/open/{id}", Security: []map[string][]string{}},
				func(context.Context, *struct {
					ID int `path:"id"`
				},
				) (*textOutput, error) {
					return nil, httpmodule.NewValidationError(httpmodule.FieldError{Loc: []any{"query", "page_id"}, Msg: "not a page", Type: "value_error"})
				})
			huma.Register(api, huma.Operation{
				Method: http.MethodGet, Path: "/middleware",
				Middlewares: huma.Middlewares{func(hc huma.Context, next func(huma.Context)) {
					if humaecho.Unwrap(hc).Path() != "/middleware" {
						panic("no way to Echo")
					}
					next(huma.WithValue(hc, struct{}{}, "set"))
					if hc.Status() != http.StatusAccepted {
						panic("no status")
					}
				}},
			}, func(ctx context.Context, _ *struct{}) (*textOutput, error) {
				return &textOutput{Status: http.StatusAccepted, Body: fmt.Sprint(ctx.Value(struct{}{}))}, nil
			})
			huma.Get(api, "/empty", func(context.Context, *struct{}) (*struct{}, error) { return nil, huma.Status304NotModified() })
		}
	})
	cases := []struct {
		method, path, body string
		key                string
		status             int
		answer             string
	}{
		{"POST", "/titles", `{"title":"a","unknown":{}}`, "k", 201, `"a"`},
		{"GET", "/batch", `["a","b"]`, "k", 200, `"[a b]"`},
		{"GET", "/open/7", "", "", 422, `{"detail":[{"loc":["query","page_id"],"msg":"not a page","type":"value_error"}]}`},
		{"GET", "/open/x", "", "", 422, `{"detail":[{"loc":["path","id"],"msg":"invalid integer","type":"int_parsing"}]}`},
		{"GET", "/middleware", "", "k", 202, `"set"`},
		{"GET", "/empty", "", "k", 304, ""},
	}
	for _, tc := range cases {
		got := f.do(tc.method, tc.path, tc.body, "X-Session-API-Key", tc.key)
		assert.Equal(t, answer{tc.status, got.header, tc.answer}, got, tc.path)
	}
}

func TestResponseControllerReachesTheConnection(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/hints", func(c echo.Context) error {
				ctx := c.Request().Context()
				c.Response().Writer.WriteHeader(http.StatusEarlyHints)
				if err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "after the hints"); err != nil {
					return err
				}
				controller := http.NewResponseController(c.Response())
				if err := controller.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
					return err
				}
				c.Response().Status = http.StatusAccepted
				if err := controller.Flush(); err != nil {
					return err
				}
				_, err := io.WriteString(c.Response(), "flushed")
				return err
			})
		}
	})
	hints := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { hints++; return nil },
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url("/hints"), nil)
	require.NoError(t, err)
	got := f.send(r)
	assert.Equal(t, answer{202, got.header, "flushed"}, got)
	assert.Equal(t, 1, hints)
	assert.Equal(t, []string{"after the hints"}, f.names())
}

func TestTruncatedBody(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			huma.Post(api, "/typed", func(_ context.Context, in *struct{ RawBody []byte }) (*textOutput, error) {
				return &textOutput{Status: 200, Body: string(in.RawBody)}, nil
			})
			e.POST("/plain", func(c echo.Context) error {
				var v any
				return c.Bind(&v)
			})
		}
	})
	for _, path := range []string{"/typed", "/plain"} {
		conn, err := net.Dial("tcp", f.server.Addr())
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"a\":", path)
		require.NoError(t, err)
		tcp, ok := conn.(*net.TCPConn)
		require.True(t, ok)
		require.NoError(t, tcp.CloseWrite())
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, 400, resp.StatusCode, path)
		assert.Equal(t, `{"detail":"The request body is incomplete"}`, string(body), path)
		_ = resp.Body.Close()
		_ = conn.Close()
	}
	assert.Empty(t, f.logged("request failed"))
}
