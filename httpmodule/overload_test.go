package httpmodule_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// try sends a request without a body and returns its status, 0 when there
// was no answer.
func (f *fixture) try(ctx context.Context, method, path string) int {
	r, err := http.NewRequestWithContext(ctx, method, f.url(path), nil)
	if err != nil {
		return 0
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// A handler that panics, aborts or whose client leaves in the middle of a
// transaction or a result costs a pool its connections one by one, unless
// somebody else ends it.
func TestNoConnectionLeaks(t *testing.T) {
	t.Parallel()
	const requests, clients, connections = 1000, 20, 10
	// A fifth panics and a fifth leaves, a tenth reads and a tenth aborts.
	kinds := [...]string{"store", "store", "panic", "leave", "read", "store", "store", "panic in a read", "leave a read", "abort"}
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.PoolSize, cfg.MaxOverflow, cfg.PoolTimeout = connections, 0, 10*time.Second
		entered := make([]chan struct{}, requests)
		for i := range entered {
			entered[i] = make(chan struct{})
		}
		f := serveOn(t, openOn(t, cfg), testConfig(), func(f *fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				handle := func(c echo.Context) error { return careless(c, f.db.Sessions(), entered) }
				e.GET("/:how/:n", handle)
				e.POST("/:how/:n", handle)
			}
		})
		var mu sync.Mutex
		answers := map[string]int{}
		var next atomic.Int64
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for {
					n := int(next.Add(1)) - 1
					if n >= requests {
						return
					}
					how := kinds[n%len(kinds)]
					ctx, leave := context.WithCancel(t.Context())
					if strings.HasPrefix(how, "leave") {
						go func() {
							<-entered[n]
							leave()
						}()
					}
					method := http.MethodPost
					if strings.HasSuffix(how, "read") {
						method = http.MethodGet
					}
					status := f.try(ctx, method, fmt.Sprintf("/%s/%d", url.PathEscape(how), n))
					leave()
					if status == http.StatusServiceUnavailable {
						next.Store(requests) // the pool is empty: the others would only wait for the same
					}
					mu.Lock()
					answers[fmt.Sprint(how, ": ", status)]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		ended := time.Now()
		f.idle()
		idle := time.Since(ended)
		t.Logf("figure 6, %s: %d requests on %d connections: %v; nothing in use %d ms after the last",
			f.db.Engine(), requests, connections, answers, idle.Milliseconds())
		assert.Equal(t, map[string]int{
			"store: 201": 400, "read: 200": 100, "abort: 0": 100,
			"panic: 500": 100, "panic in a read: 500": 100, "leave: 0": 100, "leave a read: 0": 100,
		}, answers)
		assert.Less(t, idle, 5*time.Second, "wanted: 1 s; the rest is a busy machine's")
		assert.Len(t, f.names(), 400)
	})
}

// careless does in a request what its path says, and closes nothing.
func careless(c echo.Context, sessions *dbmodule.SessionFactory, entered []chan struct{}) error {
	ctx := c.Request().Context()
	session := httpmodule.Session(ctx, sessions)
	if session.ReadOnly() {
		rows, err := session.QueryContext(ctx, "SELECT 1 UNION SELECT 2")
		if err != nil {
			return err
		}
		if !rows.Next() {
			return rows.Err()
		}
	} else if err := insert(ctx, session, c.Param("how")+c.Param("n")); err != nil {
		return err
	}
	how, _ := url.PathUnescape(c.Param("how"))
	kind, _, _ := strings.Cut(how, " ")
	switch kind {
	case "panic":
		panic("in the middle")
	case "abort":
		panic(http.ErrAbortHandler)
	case "leave":
		n, err := strconv.Atoi(c.Param("n"))
		close(entered[n])
		<-ctx.Done()
		return err
	case "read":
		return c.NoContent(http.StatusOK)
	}
	return c.NoContent(http.StatusCreated)
}

// A full pool is told to the client in time, and to the operator with names.
func TestFullPoolIsAnswered(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		const acquire = 500 * time.Millisecond
		cfg.PoolSize, cfg.MaxOverflow, cfg.PoolTimeout = 2, 0, acquire
		leave := make(chan struct{})
		var held sync.WaitGroup
		f := serveOn(t, openOn(t, cfg), testConfig(), func(f *fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.POST("/hold/:name", func(c echo.Context) error { return hoarder(c, f.db.Sessions(), &held, leave) })
				e.POST("/want", func(c echo.Context) error {
					ctx := c.Request().Context()
					return insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "want")
				})
			}
		})
		holders := 2
		if f.db.Engine() == dbmodule.SQLite {
			holders = 1 // its one writer
		}
		held.Add(holders)
		var wg sync.WaitGroup
		for i := range holders {
			wg.Go(func() { f.try(t.Context(), http.MethodPost, fmt.Sprint("/hold/", i)) })
		}
		held.Wait()
		began := time.Now()
		got := f.do(http.MethodPost, "/want", "")
		took := time.Since(began)
		close(leave)
		wg.Wait()
		require.Equal(t, 503, got.status, got.body)
		assert.NotEmpty(t, got.header.Get("Retry-After"))
		var told string
		for _, entry := range f.logged("request failed") {
			told += fmt.Sprint(entry.ContextMap()["error"])
		}
		t.Logf("figure 6, %s: with the pool full and an acquire timeout of %d ms, 503 after %d ms; the log: %s",
			f.db.Engine(), acquire.Milliseconds(), took.Milliseconds(), told)
		assert.Equal(t, holders, strings.Count(told, "of the request "), "the log names the holders")
		assert.Less(t, took, acquire+5*time.Second, "the rest is a busy machine's")
	})
}

// hoarder keeps a connection until it is told to leave.
func hoarder(c echo.Context, sessions *dbmodule.SessionFactory, held *sync.WaitGroup, leave <-chan struct{}) error {
	ctx := c.Request().Context()
	err := insert(ctx, httpmodule.Session(ctx, sessions), "hold "+c.Param("name"))
	held.Done()
	<-leave
	return err
}
