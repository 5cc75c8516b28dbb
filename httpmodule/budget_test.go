package httpmodule_test

import (
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// holding serves routes of which /hold keeps what it has taken until leave is closed.
func holding(t *testing.T, budget int64, timeout time.Duration) (f *fixture, entered chan struct{}, leave chan struct{}) {
	t.Helper()
	cfg := testConfig()
	cfg.MemoryBudget, cfg.RequestTimeout = budget, timeout
	entered, leave = make(chan struct{}, 10), make(chan struct{})
	f = serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			httpmodule.Limits{RequestTimeout: httpmodule.NoLimit}.Route(api, e.POST("/hold", func(c echo.Context) error {
				entered <- struct{}{}
				<-leave
				return countPlain(c)
			}))
			e.POST("/plain", countPlain)
			huma.Post(api, "/typed", countTyped)
			httpmodule.Limits{BodyStreams: true}.Route(api, e.POST("/streams", countPlain))
			e.GET("/answer", func(c echo.Context) error {
				if err := httpmodule.ReserveMemory(c.Request().Context(), 600<<10); err != nil {
					return err
				}
				return c.String(200, "large")
			})
			e.POST("/panics", func(echo.Context) error { panic("boom") })
		}
	})
	return f, entered, leave
}

// What has no room in the budget is answered 503; everything else is served.
func TestMemoryBudget(t *testing.T) {
	t.Parallel()
	f, entered, leave := holding(t, 1<<20, 200*time.Millisecond)
	body, small := strings.Repeat("x", 600<<10), strings.Repeat("x", 64<<10)
	for range 5 { // each gives back what it had
		require.Equal(t, 500, f.do("POST", "/panics", body).status)
		require.Equal(t, 200, f.do("POST", "/typed", body).status)
		require.Equal(t, 200, f.do("GET", "/answer", "").status)
		require.Equal(t, 200, f.do("POST", "/plain", strings.Repeat("x", 3<<20)).status, "more than the budget, alone")
	}
	held := make(chan answer, 1)
	go func() { held <- f.do("POST", "/hold", body) }()
	<-entered

	for _, path := range []string{"/plain", "/typed"} {
		for name, reader := range map[string]io.Reader{
			"a length":  strings.NewReader(body),
			"no length": io.MultiReader(strings.NewReader(strings.Repeat(body, 3))),
		} {
			r, err := http.NewRequestWithContext(t.Context(), "POST", f.url(path), reader)
			require.NoError(t, err)
			a := f.send(r)
			assert.Equal(t, 503, a.status, "%s with %s: %s", path, name, a.body)
			assert.NotEmpty(t, a.header.Get("Retry-After"), "%s with %s", path, name)
		}
		assert.Equal(t, 200, f.do("POST", path, small).status, "%s, small", path)
	}
	assert.Equal(t, 503, f.do("GET", "/answer", "").status)
	assert.Equal(t, 200, f.do("POST", "/streams", body).status)
	assert.Equal(t, 200, f.do("GET", "/alive", "").status)

	close(leave)
	assert.Equal(t, 200, (<-held).status)
	assert.Eventually(t, func() bool { return f.do("POST", "/plain", body).status == 200 }, 10*time.Second, 10*time.Millisecond)
}

// A body waits for those before it.
func TestMemoryBudgetIsWaitedFor(t *testing.T) {
	t.Parallel()
	f, entered, leave := holding(t, 1<<20, time.Minute)
	body := strings.Repeat("x", 600<<10)
	answers := make(chan answer, 3)
	for range 3 {
		go func() { answers <- f.do("POST", "/hold", body) }()
	}
	<-entered
	select {
	case <-entered:
		t.Error("two bodies of which the budget has room for one")
	case <-time.After(100 * time.Millisecond):
	}
	close(leave)
	for range 3 {
		assert.Equal(t, 200, (<-answers).status)
	}
}

// It sets the limit of the whole process.
func TestMemoryBudgetFollowsTheProcessLimit(t *testing.T) {
	before := debug.SetMemoryLimit(1 << 40)
	defer debug.SetMemoryLimit(before)
	server, err := httpmodule.New(testConfig(), httpmodule.Info{}, nil, openDatabase(t))
	require.NoError(t, err)
	assert.EqualValues(t, 1<<36, httpmodule.BudgetSize(server))
}
