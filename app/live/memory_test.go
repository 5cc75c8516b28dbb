package live_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// A large event that is sent again counts in the server's memory for as long as its client takes
// it, and no longer.
func TestLargeEventsOfStreamsCountInTheBudget(t *testing.T) {
	t.Parallel()
	// More than the buffers of two sockets take, and less than a body may have.
	text := strings.Repeat("x", 15<<20)
	for name, connect := range map[string]func(t *testing.T, base string) (read func()){
		"websocket": func(t *testing.T, base string) func() {
			c := open(t, base, "/sockets/session/"+id+"?after_seq=-1")
			require.Equal(t, "sync", c.next().Type)
			return func() { require.EqualValues(t, 0, *c.next().Seq) }
		},
		"stream": func(t *testing.T, base string) func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/conversations/"+id+"/events/stream?after_seq=-1", nil)
			require.NoError(t, err)
			answer, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			t.Cleanup(func() { _ = answer.Body.Close() })
			return func() {
				lines := bufio.NewReader(answer.Body)
				for {
					line, err := lines.ReadString('\n')
					require.NoError(t, err)
					if strings.HasPrefix(line, "data:") {
						require.Greater(t, len(line), len(text))
						return
					}
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite), func(cfg *httpmodule.Config) { cfg.MemoryBudget = 16 << 20 })
			base := s.Listen(t)
			apptest.JSON[any](t, s, "POST", push, fmt.Sprintf(`[{"id":"large","text":%q}]`, text), 200)
			get := func(what string, within time.Duration) int {
				ctx, cancel := context.WithTimeout(t.Context(), within)
				defer cancel()
				return s.DoWithin(ctx, "GET", "/api/conversations/"+id+"/events/"+what, "").Status
			}
			read := connect(t, base)
			require.Eventually(t, func() bool { return get("large", time.Second/2) == http.StatusServiceUnavailable }, limit, time.Millisecond)
			assert.Equal(t, http.StatusOK, get("count", limit), "small answers are given")
			read()
			assert.Eventually(t, func() bool { return get("large", 10*time.Second) == http.StatusOK }, limit, 10*time.Millisecond)
		})
	}
}

// A client's large message waits for memory.
func TestLargeMessagesOfClientsCountInTheBudget(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite), func(cfg *httpmodule.Config) { cfg.MemoryBudget = 16 << 20 })
	base := s.Listen(t)
	apptest.JSON[any](t, s, "POST", push, fmt.Sprintf(`[{"id":"large","text":%q}]`, strings.Repeat("x", 15<<20)), 200)
	c := open(t, base, "/sockets/session/"+id)
	require.Equal(t, "sync", c.next().Type)
	other := open(t, base, "/sockets/session/"+id+"?after_seq=-1") // reads nothing more, and has the memory
	require.Equal(t, "sync", other.next().Type)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		return s.DoWithin(ctx, "GET", "/api/conversations/"+id+"/events/large", "").Status == http.StatusServiceUnavailable
	}, limit, time.Millisecond)
	c.send(fmt.Sprintf(`{"role":"user","content":[{"type":"text","text":%q}]}`, strings.Repeat("x", 200<<10)))
	stored := make(chan string, 1)
	go func() {
		f, _, _ := c.read()
		stored <- f.Type
	}()
	select {
	case <-stored:
		t.Error("the message is stored without memory for it")
	case <-time.After(time.Second):
	}
	_ = other.ws.CloseNow()
	assert.Equal(t, "durable", <-stored)
}
