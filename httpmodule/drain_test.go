package httpmodule_test

import (
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// http.Server.Shutdown notices the end of the last request up to half a second
// late, and waits five seconds for connections that never said anything.
func TestStopEndsWithTheLastRequest(t *testing.T) {
	t.Parallel()
	const rounds = 3
	var longest time.Duration
	for range rounds {
		entered, leave := make(chan struct{}), make(chan struct{})
		f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.GET("/slow", func(c echo.Context) error {
					close(entered)
					<-leave
					return c.NoContent(http.StatusNoContent)
				})
			}
		})
		silent, err := net.Dial("tcp", f.server.Addr())
		require.NoError(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { assert.Equal(t, 204, f.do(http.MethodGet, "/slow", "").status) })
		<-entered
		stopped := make(chan time.Time, 1)
		go func() {
			assert.NoError(t, f.server.Stop(t.Context()))
			stopped <- time.Now()
		}()
		// By now Shutdown looks twice a second.
		timer := time.NewTimer(1100 * time.Millisecond)
		<-timer.C
		left := time.Now()
		close(leave)
		longest = max(longest, (<-stopped).Sub(left))
		wg.Wait()
		require.NoError(t, silent.Close())
	}
	t.Logf("figure 8, Stop returned at the latest %d ms after the last request in %d stops, each with a silent connection", longest.Milliseconds(), rounds)
	assert.Less(t, longest, 2*time.Second, "wanted: 100 ms; the rest is a busy machine's")
}
