package httpmodule_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

func TestErrorTable(t *testing.T) {
	t.Parallel()
	errOwn := errors.New("own")
	cases := []struct {
		name   string
		err    error
		status int
		detail string // empty: any text
		retry  string
		logged bool
	}{
		{"not found", dbmodule.ErrNotFound, 404, "Not Found", "", false},
		{"unique", dbmodule.ErrUnique, 409, "", "", false},
		{"unique column", &dbmodule.Error{Kind: dbmodule.ErrUnique, Column: "email"}, 409, "There is a record with the same value already: email", "", false},
		{"unique columns", &dbmodule.Error{Kind: dbmodule.ErrUnique, Constraint: "uq", Column: "tenant, email"}, 409, "There is a record with the same value already: tenant, email", "", false},
		{"unique constraint", &dbmodule.Error{Kind: dbmodule.ErrUnique, Constraint: "uq_users_email"}, 409, "There is a record with the same value already: uq_users_email", "", false},
		{"unique key", &dbmodule.Error{Kind: dbmodule.ErrUnique, Constraint: "PRIMARY"}, 409, "There is a record with the same value already", "", false},
		{"check without a name", &dbmodule.Error{Kind: dbmodule.ErrCheck, Constraint: "length(a) > 1"}, 422, "A value is not allowed", "", false},
		{"value of a column", &dbmodule.Error{Kind: dbmodule.ErrValue, Column: "age"}, 422, "A value can't be stored: age", "", false},
		{"own mapping keeps its text", &dbmodule.Error{Kind: dbmodule.ErrNotNull, Column: "name"}, 400, "name is what we need", "", false},
		{"foreign key", dbmodule.ErrForeignKey, 409, "", "", false},
		{"check", dbmodule.ErrCheck, 422, "", "", false},
		{"value", dbmodule.ErrValue, 422, "", "", false},
		{"conflict", dbmodule.ErrConflict, 503, "", "1", true},
		{"pool timeout", dbmodule.ErrPoolTimeout, 503, "", "1", true},
		{"unavailable", dbmodule.ErrUnavailable, 503, "", "5", true},
		{"read-only", dbmodule.ErrReadOnly, 503, "", "5", true},
		{"read-only session", dbmodule.ErrReadOnlySession, 500, "Internal Server Error", "", true},
		{"database closed", dbmodule.ErrDatabaseClosed, 503, "", "5", true},
		{"commit unknown", dbmodule.ErrCommitUnknown, 503, "The outcome is unknown: the database did not say whether the change was stored", "5", true},
		{
			"commit unknown, as the connection broke", errors.Join(dbmodule.ErrUnavailable, dbmodule.ErrCommitUnknown), 503,
			"The outcome is unknown: the database did not say whether the change was stored", "5", true,
		},
		{"disk full", dbmodule.ErrDiskFull, 507, "", "5", true},
		{"statement timeout", dbmodule.ErrTimeout, 504, "", "", true},
		{"deadline", context.DeadlineExceeded, 504, "", "", true},
		{"canceled by the handler itself", context.Canceled, 500, "Internal Server Error", "", true},
		{"pending rollback after a violation", fmt.Errorf("%w: %w", dbmodule.ErrPendingRollback, dbmodule.ErrUnique), 409, "", "", false},
		{"concurrent use", dbmodule.ErrConcurrentUse, 500, "Internal Server Error", "", true},
		{"anything else", errors.New("password=hunter2"), 500, "Internal Server Error", "", true},
		{"own mapping", errOwn, 402, "pay", "3", false},
		{"own error", httpmodule.NewError(501, "not here"), 501, "not here", "", false},
		{"own error without a text", httpmodule.NewError(404, ""), 404, "Not Found", "", false},
		{"echo", echo.NewHTTPError(418, "tea"), 418, "tea", "", false},
		{"echo with an internal error", echo.NewHTTPError(400, "bad").SetInternal(errors.New("secret")), 400, "bad", "", false},
		{"huma", huma.Error404NotFound("no such thing"), 404, "no such thing", "", false},
		{"huma with details of a failure", huma.Error500InternalServerError("broken", errors.New("password=hunter2")), 500, "broken", "", true},
		{"body too large", &http.MaxBytesError{Limit: 7}, 413, "The request body is larger than 7 bytes", "", false},
	}
	current := make(map[string]error)
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			for i, tc := range cases {
				current[tc.name] = tc.err
				both(e, api, fmt.Sprintf("/%d", i), func(context.Context) (int, error) {
					return 0, fmt.Errorf("handler: %w", tc.err)
				})
			}
		}
	})
	f.server.MapErrors(httpmodule.ErrorMapping{Err: errOwn, Status: 402, Detail: "pay", RetryAfter: 2100 * time.Millisecond},
		httpmodule.ErrorMapping{Err: dbmodule.ErrNotNull, Status: 400, Detail: "name is what we need"})
	for i, tc := range cases {
		for _, kind := range []string{"plain", "typed"} {
			t.Run(tc.name+"/"+kind, func(t *testing.T) {
				id := fmt.Sprintf("%s-%d", kind, i)
				f := *f
				f.t = t
				got := f.do(http.MethodPost, fmt.Sprintf("/%s/%d", kind, i), "", "X-Request-ID", id)
				assert.Equal(t, tc.status, got.status)
				assert.Equal(t, tc.retry, got.header.Get("Retry-After"))
				assert.Equal(t, "application/json", got.header.Get("Content-Type"))
				assert.NotContains(t, got.body, "hunter2")
				var body map[string]any
				require.NoError(t, json.Unmarshal([]byte(got.body), &body), got.body)
				assert.Len(t, body, 1)
				if tc.detail != "" {
					assert.Equal(t, tc.detail, body["detail"])
				} else {
					assert.NotEmpty(t, body["detail"])
				}
				count := 0
				for _, entry := range f.logged("request failed") {
					if entry.ContextMap()["request_id"] == id {
						count++
					}
				}
				if tc.logged {
					assert.Equal(t, 1, count, "a failure is logged once")
				} else {
					assert.Zero(t, count)
				}
			})
		}
	}
}

type validated struct {
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"100"`
	Since string `query:"since" format:"date-time"`
	Body  struct {
		_     struct{} `additionalProperties:"false"`
		Title string   `json:"title" minLength:"1" maxLength:"5"`
		Tags  []string `json:"tags,omitempty" maxItems:"2"`
		Kind  string   `json:"kind,omitempty" enum:"a,b"`
	}
}

func TestValidation(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/typed"},
				func(_ context.Context, in *validated) (*textOutput, error) {
					return &textOutput{Body: in.Body.Title}, nil
				})
			e.POST("/plain", func(c echo.Context) error {
				var in struct {
					Title string `json:"title"`
				}
				if err := c.Bind(&in); err != nil {
					return err
				}
				return c.JSON(http.StatusOK, in.Title)
			})
		}
	})
	cases := []struct {
		path, body string
		loc        []any
		kind       string
	}{
		{"/typed?limit=0", `{"title":"x"}`, []any{"query", "limit"}, "greater_than_equal"},
		{"/typed?limit=101", `{"title":"x"}`, []any{"query", "limit"}, "less_than_equal"},
		{"/typed?limit=ten", `{"title":"x"}`, []any{"query", "limit"}, "int_parsing"},
		{"/typed?since=today", `{"title":"x"}`, []any{"query", "since"}, "datetime_parsing"},
		{"/typed", `{}`, []any{"body", "title"}, "missing"},
		{"/typed", `{"title":""}`, []any{"body", "title"}, "string_too_short"},
		{"/typed", `{"title":"123456"}`, []any{"body", "title"}, "string_too_long"},
		{"/typed", `{"title":1}`, []any{"body", "title"}, "string_type"},
		{"/typed", `{"title":"x","tags":["a",1]}`, []any{"body", "tags", float64(1)}, "string_type"},
		{"/typed", `{"title":"x","tags":["a","b","c"]}`, []any{"body", "tags"}, "too_long"},
		{"/typed", `{"title":"x","kind":"c"}`, []any{"body", "kind"}, "enum"},
		{"/typed", `{"title":"x","more":1}`, []any{"body", "more"}, "extra_forbidden"},
		{"/typed", `[]`, []any{"body"}, "dict_type"},
		{"/typed", `{"title":`, []any{"body"}, "json_invalid"},
		{"/typed", ``, []any{"body"}, "missing"},
		{"/plain", `{"title":`, []any{"body"}, "json_invalid"},
		{"/plain", `{"title":"x"} trailing`, []any{"body"}, "json_invalid"},
		{"/plain", `{"title":1}`, []any{"body", "title"}, "type_error"},
	}
	for _, tc := range cases {
		t.Run(tc.path+" "+tc.body, func(t *testing.T) {
			f := *f
			f.t = t
			got := f.do(http.MethodPost, tc.path, tc.body)
			assert.Equal(t, 422, got.status, got.body)
			var body struct {
				Detail []struct {
					Loc  []any  `json:"loc"`
					Msg  string `json:"msg"`
					Type string `json:"type"`
				} `json:"detail"`
			}
			require.NoError(t, json.Unmarshal([]byte(got.body), &body), got.body)
			require.NotEmpty(t, body.Detail)
			assert.Equal(t, tc.loc, body.Detail[0].Loc)
			assert.Equal(t, tc.kind, body.Detail[0].Type)
			assert.NotEmpty(t, body.Detail[0].Msg)
		})
	}
	got := f.do(http.MethodPost, "/typed", `{"title":"<&>"}`)
	assert.Equal(t, `"<&>"`, got.body)
	got = f.do(http.MethodPost, "/typed", "x=1", "Content-Type", "text/csv")
	assert.Equal(t, 415, got.status)
	assert.JSONEq(t, `{"detail":"A body of the type \"text/csv\" can't be read: send Content-Type: application/json"}`, got.body)
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), nil)
	got := f.do(http.MethodGet, "/nowhere", "")
	assert.Equal(t, answer{404, got.header, `{"detail":"Not Found"}`}, got)
	got = f.do(http.MethodPost, "/alive", "")
	assert.Equal(t, answer{405, got.header, `{"detail":"Method Not Allowed"}`}, got)
	assert.Contains(t, got.header.Get("Allow"), "GET")
	assert.Empty(t, f.do(http.MethodHead, "/nowhere", "").body)
}

func TestPanicIsLoggedOnceWithItsStack(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.GET("/panic", func(echo.Context) error { panic(fmt.Errorf("wrapped: %w", dbmodule.ErrNotFound)) })
		}
	})
	got := f.do(http.MethodGet, "/panic", "", "X-Request-ID", "abc")
	assert.Equal(t, answer{500, got.header, `{"detail":"Internal Server Error"}`}, got)
	entries := f.logged("request failed")
	require.Len(t, entries, 1)
	fields := entries[0].ContextMap()
	assert.Equal(t, "abc", fields["request_id"])
	assert.Contains(t, fmt.Sprint(fields["stack"]), "TestPanicIsLoggedOnceWithItsStack")
}

func TestValueThatDoesNotEncode(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			do := func(ctx context.Context) (map[string]any, error) {
				return map[string]any{"bad": func() {}}, insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "a")
			}
			e.POST("/plain", func(c echo.Context) error {
				v, err := do(c.Request().Context())
				if err != nil {
					return err
				}
				return c.JSON(http.StatusCreated, v)
			})
			huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/typed"},
				func(ctx context.Context, _ *struct{}) (*struct{ Body map[string]any }, error) {
					v, err := do(ctx)
					return &struct{ Body map[string]any }{v}, err
				})
		}
	})
	for _, path := range []string{"/plain", "/typed"} {
		got := f.do(http.MethodPost, path, "")
		assert.Equal(t, answer{500, got.header, `{"detail":"Internal Server Error"}`}, got, path)
	}
	assert.Empty(t, f.names())
	assert.Len(t, f.logged("request failed"), 2)
}

func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.RequestTimeout = 50 * time.Millisecond
	f := serve(t, cfg, func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			both(e, api, "/slow", func(ctx context.Context) (int, error) {
				if err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "a"); err != nil {
					return 0, err
				}
				<-ctx.Done()
				return 0, ctx.Err()
			})
			both(e, api, "/blind", func(ctx context.Context) (int, error) {
				if err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "a"); err != nil {
					return 0, err
				}
				<-ctx.Done()
				return http.StatusCreated, nil
			})
		}
	})
	for _, path := range []string{"/plain/slow", "/typed/slow", "/plain/blind", "/typed/blind"} {
		got := f.do(http.MethodPost, path, "")
		assert.Equal(t, answer{504, got.header, `{"detail":"The request took too long"}`}, got, path)
	}
	assert.Empty(t, f.names())
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.BodyLimit = 2 << 20
	type raw struct{ RawBody []byte }
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/typed"},
				func(_ context.Context, in *raw) (*textOutput, error) {
					return &textOutput{Body: fmt.Sprint(len(in.RawBody))}, nil
				})
			e.POST("/plain", func(c echo.Context) error {
				var in string
				if err := c.Bind(&in); err != nil {
					return err
				}
				return c.JSON(http.StatusOK, fmt.Sprint(len(in)+2))
			})
		}
	})
	for _, path := range []string{"/typed", "/plain"} {
		for _, chunked := range []bool{false, true} {
			for size, status := range map[int]int{2 << 20: 200, 2<<20 + 1: 413, 8 << 20: 413} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(path),
					strings.NewReader(`"`+strings.Repeat("x", size-2)+`"`))
				require.NoError(t, err)
				r.Header.Set("Content-Type", "application/json")
				if chunked {
					r.ContentLength = -1
				}
				got := f.send(r)
				assert.Equal(t, status, got.status, "%s chunked=%t size=%d: %s", path, chunked, size, got.body)
				if status == 413 {
					assert.Equal(t, `{"detail":"The request body is larger than 2097152 bytes"}`, got.body)
				} else {
					assert.Equal(t, fmt.Sprintf(`"%d"`, size), got.body)
				}
			}
		}
	}
}

// Some of Echo's middleware has an error answered, and returns it too.
func TestFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	quiet := func(echo.Context, middleware.RequestLoggerValues) error { return nil }
	for name, m := range map[string]echo.MiddlewareFunc{
		"RequestLogger": middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{HandleError: true, LogValuesFunc: quiet}),
		"BodyDump":      middleware.BodyDump(func(echo.Context, []byte, []byte) {}),
	} {
		f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.GET("/x", func(echo.Context) error { return errors.New("no") }, m)
				e.GET("/late", func(c echo.Context) error { return errors.Join(c.NoContent(http.StatusOK), errors.New("no")) }, m)
			}
		})
		const late = "error after the response had begun"
		assert.Equal(t, http.StatusInternalServerError, f.do(http.MethodGet, "/x", "").status, name)
		require.Eventually(t, func() bool { return len(f.logged("request")) == 1 }, patience, time.Millisecond)
		assert.Len(t, f.logged("request failed"), 1, name)
		assert.Empty(t, f.logged(late), name)
		assert.Equal(t, http.StatusOK, f.do(http.MethodGet, "/late", "").status, name)
		require.Eventually(t, func() bool { return len(f.logged("request")) == 2 }, patience, time.Millisecond)
		assert.NotEmpty(t, f.logged(late), name)
	}
}
