package httpmodule_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

type textOutput struct {
	Status int
	Body   string
}

// both registers a handler as a plain route and as a typed one. do returns
// the status to answer or an error.
func both(e *echo.Echo, api huma.API, path string, do func(ctx context.Context) (int, error)) {
	e.POST("/plain"+path, func(c echo.Context) error {
		status, err := do(c.Request().Context())
		if err != nil {
			return err
		}
		c.Response().Header().Set("Location", "/somewhere")
		return c.JSON(status, "done")
	})
	huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/typed" + path},
		func(ctx context.Context, _ *struct{}) (*textOutput, error) {
			status, err := do(ctx)
			if err != nil {
				return nil, err
			}
			return &textOutput{Status: status, Body: "done"}, nil
		})
}

func TestRequestSessionSettles(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		do     func(ctx context.Context, s *dbmodule.Session) (int, error)
		status int
		body   string
		stored []string
	}{
		{"commits on success", func(ctx context.Context, s *dbmodule.Session) (int, error) {
			return http.StatusCreated, insert(ctx, s, "a")
		}, 201, `"done"`, []string{"a"}},
		{"rolls back on an error", func(ctx context.Context, s *dbmodule.Session) (int, error) {
			return 0, errors.Join(insert(ctx, s, "a"), httpmodule.NewError(http.StatusTeapot, "no"))
		}, 418, `{"detail":"no"}`, []string{}},
		{"rolls back on a status of 400", func(ctx context.Context, s *dbmodule.Session) (int, error) {
			return http.StatusBadRequest, insert(ctx, s, "a")
		}, 400, `"done"`, []string{}},
		{"rolls back on a panic", func(ctx context.Context, s *dbmodule.Session) (int, error) {
			_ = insert(ctx, s, "a")
			panic("boom")
		}, 500, `{"detail":"Internal Server Error"}`, []string{}},
		{"answers a failing commit", func(ctx context.Context, s *dbmodule.Session) (int, error) {
			return http.StatusCreated, insertOrphan(ctx, s, "a")
		}, 409, `{"detail":"The change contradicts a related record"}`, []string{}},
		{"answers a statement's error that the handler swallowed", func(ctx context.Context, s *dbmodule.Session) (int, error) {
			_ = insert(ctx, s, "forbidden")
			return http.StatusCreated, nil
		}, 422, `{"detail":"A value is not allowed"}`, []string{}},
		{"rolls back on an error with a status below 400", func(ctx context.Context, s *dbmodule.Session) (int, error) {
			return 0, errors.Join(insert(ctx, s, "a"), httpmodule.NewError(http.StatusFound, "elsewhere"))
		}, 302, `{"detail":"elsewhere"}`, []string{}},
		{"does nothing without statements", func(context.Context, *dbmodule.Session) (int, error) {
			return http.StatusAccepted, nil
		}, 202, `"done"`, []string{}},
	}
	for _, tc := range cases {
		for _, kind := range []string{"plain", "typed"} {
			t.Run(tc.name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
					return func(e *echo.Echo, api huma.API) {
						both(e, api, "/x", func(ctx context.Context) (int, error) {
							return tc.do(ctx, httpmodule.Session(ctx, f.db.Sessions()))
						})
					}
				})
				got := f.do(http.MethodPost, "/"+kind+"/x", "")
				assert.Equal(t, tc.status, got.status)
				assert.Equal(t, tc.body, got.body)
				assert.Equal(t, "application/json", got.header.Get("Content-Type"))
				assert.Equal(t, fmt.Sprint(len(tc.body)), got.header.Get("Content-Length"))
				if tc.status >= 400 && tc.status != http.StatusBadRequest {
					assert.Empty(t, got.header.Get("Location"), "headers of a response that was replaced")
				}
				assert.NotEmpty(t, got.header.Get("X-Request-ID"))
				assert.Equal(t, tc.stored, f.names())
				f.idle()
			})
		}
	}
}

func TestRequestSessionIsOnePerRequestAndFactory(t *testing.T) {
	t.Parallel()
	var other *dbmodule.Database
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		other = openDatabase(t)
		return func(e *echo.Echo, api huma.API) {
			both(e, api, "/two", func(ctx context.Context) (int, error) {
				one, two := httpmodule.Session(ctx, f.db.Sessions()), httpmodule.Session(ctx, other.Sessions())
				if one == two || one != httpmodule.Session(ctx, f.db.Sessions()) || two != httpmodule.Session(ctx, other.Sessions()) {
					return 0, errors.New("sessions mixed up")
				}
				return http.StatusOK, errors.Join(insert(ctx, one, "one"), insert(ctx, two, "two"))
			})
			both(e, api, "/part", func(ctx context.Context) (int, error) {
				one, two := httpmodule.Session(ctx, f.db.Sessions()), httpmodule.Session(ctx, other.Sessions())
				return http.StatusOK, errors.Join(insert(ctx, one, "part"), insertOrphan(ctx, two, "part"))
			})
			both(e, api, "/late", func(ctx context.Context) (int, error) {
				one, two := httpmodule.Session(ctx, f.db.Sessions()), httpmodule.Session(ctx, other.Sessions())
				return http.StatusOK, errors.Join(insertOrphan(ctx, one, "one-late"), insert(ctx, two, "two-late"))
			})
		}
	})
	require.Equal(t, 200, f.do(http.MethodPost, "/typed/two", "").status)
	require.Equal(t, 409, f.do(http.MethodPost, "/plain/late", "").status)
	assert.Equal(t, []string{"one"}, f.names())
	assert.Equal(t, 409, f.do(http.MethodPost, "/plain/part", "").status)
	assert.Len(t, f.logged("request stored in part"), 1)
	assert.Equal(t, []string{"one", "part"}, f.names(), "what was committed before stays, and is logged")
	f.db = other
	assert.Equal(t, []string{"two"}, f.names(), "the second session must not outlive the first one's failure")
}

func TestReadOnlyMethods(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.Match([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, "/write", func(c echo.Context) error {
				ctx := c.Request().Context()
				s := httpmodule.Session(ctx, f.db.Sessions())
				if !s.ReadOnly() {
					return errors.New("not read-only")
				}
				return insert(ctx, s, "a")
			})
		}
	})
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		got := f.do(method, "/write", "")
		assert.Equal(t, 500, got.status, method)
		assert.Empty(t, got.header.Get("Retry-After"), method)
	}
	assert.Empty(t, f.names())
	f.idle()
}

func TestStreaming(t *testing.T) {
	t.Parallel()
	afterwards := make(chan error, 1)
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			read := func(ctx context.Context, w io.Writer, flush func()) error {
				for range 3 {
					n, err := httpmodule.Session(ctx, f.db.Sessions()).NewSelect().Model((*Item)(nil)).Count(ctx)
					if err != nil {
						return err
					}
					_, _ = fmt.Fprintf(w, "%d\n", n)
					flush()
				}
				return nil
			}
			e.GET("/read", func(c echo.Context) error {
				return read(c.Request().Context(), c.Response(), c.Response().Flush)
			})
			huma.Register(api, huma.Operation{Method: http.MethodGet, Path: "/typed/read"},
				func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
					return &huma.StreamResponse{Body: func(hc huma.Context) {
						hc.SetHeader("Content-Type", "text/plain")
						w := hc.BodyWriter()
						flusher, ok := w.(http.Flusher)
						if !ok {
							afterwards <- errors.New("can't flush")
							return
						}
						afterwards <- read(ctx, w, flusher.Flush)
					}}, nil
				})
			e.POST("/write", func(c echo.Context) error {
				ctx := c.Request().Context()
				s := httpmodule.Session(ctx, f.db.Sessions())
				if err := insert(ctx, s, "stored"); err != nil {
					return err
				}
				c.Response().Flush()
				err := insert(ctx, s, "too late")
				_, late := httpmodule.Session(ctx, f.db.Sessions()).NewSelect().Model((*Item)(nil)).Count(ctx)
				afterwards <- errors.Join(err, late)
				return c.String(http.StatusOK, "streamed")
			})
			e.POST("/write-fails", func(c echo.Context) error {
				ctx := c.Request().Context()
				if err := insertOrphan(ctx, httpmodule.Session(ctx, f.db.Sessions()), "orphan"); err != nil {
					return err
				}
				c.Response().Flush()
				_, err := c.Response().Write([]byte("swallowed"))
				afterwards <- err
				return err
			})
		}
	})
	require.NoError(t, insert(t.Context(), f.db.DB(), "zero"))

	assert.Equal(t, "1\n1\n1\n", f.do(http.MethodGet, "/read", "").body)
	got := f.do(http.MethodGet, "/typed/read", "")
	assert.Equal(t, answer{200, got.header, "1\n1\n1\n"}, got)
	require.NoError(t, <-afterwards)

	assert.Equal(t, "streamed", f.do(http.MethodPost, "/write", "").body)
	require.ErrorIs(t, <-afterwards, httpmodule.ErrResponseBegun)

	got = f.do(http.MethodPost, "/write-fails", "")
	assert.Equal(t, 409, got.status)
	assert.Equal(t, `{"detail":"The change contradicts a related record"}`, got.body)
	require.Error(t, <-afterwards)
	assert.Equal(t, []string{"zero", "stored"}, f.names())
	f.idle()
}

func TestHandlerThatWritesNothing(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			e.POST("/stored", func(c echo.Context) error {
				return insert(c.Request().Context(), httpmodule.Session(c.Request().Context(), f.db.Sessions()), "plain")
			})
			e.POST("/orphan", func(c echo.Context) error {
				return insertOrphan(c.Request().Context(), httpmodule.Session(c.Request().Context(), f.db.Sessions()), "orphan")
			})
			huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/typed"},
				func(ctx context.Context, _ *struct{}) (*struct{}, error) {
					return nil, insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "typed")
				})
		}
	})
	assert.Equal(t, 200, f.do(http.MethodPost, "/stored", "").status)
	assert.Equal(t, 409, f.do(http.MethodPost, "/orphan", "").status)
	assert.Equal(t, 204, f.do(http.MethodPost, "/typed", "").status)
	assert.Equal(t, []string{"plain", "typed"}, f.names())
}

func TestHijackSettlesFirst(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		hijack := func(do func(context.Context, *dbmodule.Session) error) echo.HandlerFunc {
			return func(c echo.Context) error {
				ctx := c.Request().Context()
				if err := do(ctx, httpmodule.Session(ctx, f.db.Sessions())); err != nil {
					return err
				}
				conn, _, err := http.NewResponseController(c.Response()).Hijack()
				if err != nil {
					return err
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nhijacked")
				return conn.Close()
			}
		}
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/ok", hijack(func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "a") }))
			e.POST("/fails", hijack(func(ctx context.Context, s *dbmodule.Session) error { return insertOrphan(ctx, s, "b") }))
		}
	})
	assert.Equal(t, "hijacked", f.do(http.MethodPost, "/ok", "").body)
	assert.Equal(t, 409, f.do(http.MethodPost, "/fails", "").status)
	assert.Equal(t, []string{"a"}, f.names())
}

func TestAbortedHandlerRollsBack(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/abort", func(c echo.Context) error {
				_ = insert(c.Request().Context(), httpmodule.Session(c.Request().Context(), f.db.Sessions()), "a")
				panic(http.ErrAbortHandler)
			})
		}
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url("/abort"), nil)
	require.NoError(t, err)
	resp, err := f.client.Do(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	require.Error(t, err)
	f.idle()
	assert.Empty(t, f.names())
}

func TestClientGoneRollsBack(t *testing.T) {
	t.Parallel()
	inserted, handled := make(chan struct{}), make(chan struct{})
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/slow", func(c echo.Context) error {
				defer close(handled)
				ctx := c.Request().Context()
				if err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "a"); err != nil {
					return err
				}
				close(inserted)
				<-ctx.Done()
				return c.NoContent(http.StatusCreated)
			})
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url("/slow"), nil)
	require.NoError(t, err)
	go func() { <-inserted; cancel() }()
	resp, err := f.client.Do(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	require.ErrorIs(t, err, context.Canceled)
	<-handled
	f.idle()
	assert.Empty(t, f.names())
	require.Eventually(t, func() bool { return len(f.logged("request")) == 1 }, 10*time.Second, 5*time.Millisecond)
	assert.EqualValues(t, httpmodule.StatusClientClosedRequest, f.logged("request")[0].ContextMap()["status"])
	assert.Empty(t, f.logged("request failed"), "a client that goes away is no failure of the server")
}

func TestAfterCommitHooks(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			both(e, api, "/hook", func(ctx context.Context) (int, error) {
				s := httpmodule.Session(ctx, f.db.Sessions())
				s.AfterCommit(func(ctx context.Context) {
					httpmodule.Session(ctx, f.db.Sessions()) // must not deadlock
				})
				s.AfterCommit(func(context.Context) { panic("hook") })
				return http.StatusCreated, insert(ctx, s, "a")
			})
		}
	})
	assert.Equal(t, 201, f.do(http.MethodPost, "/plain/hook", "").status, "what is stored must not be answered 500")
	assert.Equal(t, []string{"a"}, f.names())
	assert.Len(t, f.logged("after-commit hook panicked"), 1)
	f.idle()
}

func TestSessionLeftToAGoroutine(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/leak", func(c echo.Context) error {
				ctx := c.Request().Context()
				s := httpmodule.Session(ctx, f.db.Sessions())
				begun := make(chan struct{})
				go func() {
					close(begun)
					for insert(context.WithoutCancel(ctx), s, strings.Repeat("x", 1<<20)) == nil {
						_, _ = s.NewDelete().Model((*Item)(nil)).Where("TRUE").Exec(context.WithoutCancel(ctx))
					}
				}()
				<-begun
				return c.NoContent(http.StatusNoContent)
			})
		}
	})
	f.do(http.MethodPost, "/leak", "")
	f.idle()
}

func TestRowsLeftOpen(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.RequestTimeout = 0
	f := serve(t, cfg, func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.Match([]string{http.MethodGet, http.MethodPost}, "/rows", func(c echo.Context) error {
				ctx := c.Request().Context()
				rows, err := httpmodule.Session(ctx, f.db.Sessions()).QueryContext(ctx, "SELECT 1 UNION SELECT 2")
				if err != nil {
					return err
				}
				return c.JSON(http.StatusOK, rows.Next())
			})
		}
	})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		assert.Equal(t, "true", f.do(method, "/rows", "").body)
		f.idle()
	}
}

func TestSessionOutsideARequest(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	s := httpmodule.Session(t.Context(), db.Sessions())
	require.ErrorIs(t, insert(t.Context(), s, "a"), httpmodule.ErrNoRequest)
	require.ErrorIs(t, s.Commit(t.Context()), httpmodule.ErrNoRequest)
	require.NoError(t, s.Close())
	assert.Empty(t, httpmodule.RequestID(t.Context()))
}
