package events_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// limited is a server with a public conversation of three events of 3 MiB, one after the other.
func limited(t *testing.T, cfg dbmodule.Config, budget int64) *apptest.Server {
	t.Helper()
	s := apptest.New(t, cfg, func(cfg *httpmodule.Config) { cfg.MemoryBudget = budget })
	pushAll(t, s, large("0", 3), large("1", 3), large("2", 3))
	apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+conversation+`","public":true}`, 200)
	return s
}

// largeReads are all ways to read events, each with about as many bytes as its answer has.
func largeReads() map[string]int {
	const shared = "/api/shared-events"
	return map[string]int{
		root + "/search":      6 << 20,
		root + "?ids=0&ids=1": 6 << 20,
		root + "/0":           3 << 20,
		"/api/v1/conversation/" + conversation + "/events/search?sort_order=TIMESTAMP_DESC": 6 << 20,
		"/api/v1/conversation/" + conversation + "/events?id=0&id=1&id=2":                   9 << 20,
		shared + "/search?conversation_id=" + conversation:                                  6 << 20,
		shared + "?id=0&id=2&conversation_id=" + conversation:                               6 << 20,
		shared + "/" + conversation + "/1":                                                  3 << 20,
	}
}

// Large events that clients are slow to take are never more than the budget, however many ask for
// them. The others wait with nothing in memory, and are answered 503; small ones are served.
func TestLargeEventsStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		const budget, readers = 13 << 20, 6
		s := limited(t, cfg, budget)
		sent := 0
		begun, leave := make(chan int, 100), make(chan struct{})
		slow := func() int {
			w := apptest.NewSlowClient(begun, leave)
			s.Serve(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, root+"/search", nil))
			return w.Code
		}
		var holding sync.WaitGroup
		for range budget / (6 << 20) {
			holding.Go(func() { assert.Equal(t, 200, slow()) })
			sent += <-begun
		}
		var beyond sync.WaitGroup
		for range readers {
			beyond.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				answer := s.DoWithin(ctx, http.MethodGet, root+"/search", "")
				assert.Equal(t, http.StatusServiceUnavailable, answer.Status, answer.Body[:min(len(answer.Body), 200)])
				assert.NotEmpty(t, answer.Header.Get("Retry-After"))
			})
		}
		for path := range largeReads() {
			beyond.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				answer := s.DoWithin(ctx, http.MethodGet, path, "")
				assert.Equal(t, http.StatusServiceUnavailable, answer.Status, path)
			})
		}
		beyond.Wait()
		assert.LessOrEqual(t, sent, budget)
		assert.Equal(t, 200, s.Do(t, http.MethodGet, root+"/count", "").Status)
		close(leave)
		holding.Wait()
		for path, size := range largeReads() {
			for range 3 { // each gives back what it had
				answer := s.Do(t, http.MethodGet, path, "")
				assert.Equal(t, http.StatusOK, answer.Status, path)
				assert.InDelta(t, size, len(answer.Body), 10_000, path)
			}
		}
	})
}

// A read that had no room is done again when there is, and has all.
func TestLargeEventsWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	s := limited(t, dbtest.Config(t, dbmodule.SQLite), 7<<20)
	want := map[string]string{}
	for path := range largeReads() {
		want[path] = s.Do(t, http.MethodGet, path, "").Body
	}
	var group sync.WaitGroup
	for path, body := range want {
		for range 4 {
			group.Go(func() {
				answer := s.Do(t, http.MethodGet, path, "")
				assert.Equal(t, http.StatusOK, answer.Status, path)
				assert.True(t, answer.Body == body, "%s: another answer, of %d bytes", path, len(answer.Body))
			})
		}
	}
	group.Wait()
}

// What a read without room returns is nothing: all that it looked at it let go.
func TestReadWithoutRoomKeepsNothing(t *testing.T) {
	t.Parallel()
	s := limited(t, dbtest.Config(t, dbmodule.SQLite), 0)
	pushAll(t, s, `{"id":"small","timestamp":"2025-01-01T10:00:00"}`) // it has room, and is let go with the others
	cfg := httpmodule.DefaultConfig()
	cfg.MemoryBudget = 1 << 20
	held, leave := make(chan struct{}), make(chan struct{})
	most := events.Most{Events: 10, Bytes: 8 << 20}
	reads := map[string]func(ctx context.Context, room *httpmodule.Room) (kept int, err error){
		"page": func(ctx context.Context, room *httpmodule.Room) (int, error) {
			most.Room = room
			payloads, next, err := s.Events.Page(ctx, httpmodule.Session(ctx, s.Sessions), conversation, events.Filter{}, events.Timestamp, "", most)
			return len(payloads) + len(next), err
		},
		"after": func(ctx context.Context, room *httpmodule.Room) (int, error) {
			most.Room = room
			found, err := s.Events.After(ctx, httpmodule.Session(ctx, s.Sessions), conversation, -1, most)
			return len(found), err
		},
		"batch": func(ctx context.Context, room *httpmodule.Room) (int, error) {
			payloads, err := s.Events.Batch(ctx, httpmodule.Session(ctx, s.Sessions), room, conversation, []string{"small", "0", "1"})
			return len(strings.Join(payloads, "")), err
		},
		"get": func(ctx context.Context, room *httpmodule.Room) (int, error) {
			payload, err := s.Events.Get(ctx, httpmodule.Session(ctx, s.Sessions), room, conversation, "0")
			return len(payload), err
		},
	}
	server, err := httpmodule.New(cfg, httpmodule.Info{}, nil, s.DB, func(e *echo.Echo, _ huma.API) {
		e.GET("/hold", func(c echo.Context) error {
			err := httpmodule.ReserveMemory(c.Request().Context(), 1<<20)
			held <- struct{}{}
			<-leave
			return err
		})
		e.GET("/read/:what", func(c echo.Context) error {
			ctx := c.Request().Context()
			rounds, room := 0, httpmodule.NewRoom(ctx)
			return room.Read(ctx, func() error {
				kept, err := reads[c.Param("what")](ctx, room)
				if rounds++; rounds == 1 {
					assert.Zero(t, kept, c.Param("what"))
				}
				return err
			})
		})
	})
	require.NoError(t, err)
	var holding sync.WaitGroup
	holding.Go(func() {
		server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/hold", nil))
	})
	<-held
	for what := range reads {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/read/"+what, nil))
		cancel()
		assert.Equal(t, http.StatusServiceUnavailable, w.Code, what)
	}
	close(leave)
	holding.Wait()
}
