package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

const (
	id    = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	push  = "/api/v1/webhooks/events/" + id
	limit = time.Minute
)

// frame is what a test looks at of a frame of either protocol.
type frame struct {
	// Of events.
	ID    string          `json:"id"`
	Kind  string          `json:"kind"`
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
	// Of envelopes.
	Type    string `json:"type"`
	Seq     *int64 `json:"seq"`
	From    *int64 `json:"from_seq"`
	Through *int64 `json:"through_seq"`
	Event   *frame `json:"event"`
	// Of errors.
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

type client struct {
	*testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, base, path string, header ...string) (*websocket.Conn, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	ws, response, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(base, "http")+path, &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		require.NotNil(t, response, err)
		return nil, response.StatusCode
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return ws, response.StatusCode
}

func open(t *testing.T, base, path string, header ...string) *client {
	t.Helper()
	ws, status := dial(t, base, path, header...)
	require.NotNil(t, ws, status)
	return &client{t, ws}
}

func (c *client) read() (frame, string, error) {
	ctx, cancel := context.WithTimeout(c.Context(), limit)
	defer cancel()
	_, text, err := c.ws.Read(ctx)
	var f frame
	if err == nil {
		require.NoError(c, json.Unmarshal(text, &f), string(text))
	}
	return f, string(text), err
}

func (c *client) next() frame {
	c.Helper()
	f, _, err := c.read()
	require.NoError(c, err)
	return f
}

func (c *client) send(text string) {
	c.Helper()
	require.NoError(c, c.ws.Write(c.Context(), websocket.MessageText, []byte(text)))
}

func (c *client) closed() websocket.StatusCode {
	c.Helper()
	for {
		if _, _, err := c.read(); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

// store pushes events of these ids.
func store(t *testing.T, s *apptest.Server, ids ...string) {
	t.Helper()
	events := make([]string, len(ids))
	for i, id := range ids {
		events[i] = fmt.Sprintf(`{"id":%q,"kind":"ActionEvent","timestamp":"2026-01-01T00:00:%02d"}`, id, len(id))
	}
	apptest.JSON[any](t, s, "POST", push, "["+strings.Join(events, ",")+"]", 200)
}

func names(prefix string, from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprint(prefix, i))
	}
	return ids
}

// The events socket begins with the whole state, sends again what is asked for, and then what comes,
// byte for byte, stored or not.
func TestEventsSocket(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		base := s.Listen(t)
		store(t, s, names("e", 0, 250)...) // e0 to e9 are of second 2, e10 to e99 of 3
		at := "/sockets/events/" + strings.ReplaceAll(id, "-", "")
		for query, first := range map[string]int{
			"": 250, "?resend_mode=all": 0, "?resend_all=true": 0, "?resend_mode=since&after_timestamp=2026-01-01T00:00:03": 10,
			"?resend_mode=since&after_timestamp=2027-01-01T00:00:00": 250, "?resend_mode=since": 250,
		} {
			c := open(t, base, at+query)
			hello := c.next()
			assert.Equal(t, "ConversationStateUpdateEvent full_state", hello.Kind+" "+hello.Key)
			assert.Contains(t, string(hello.Value), `"id":"`+id+`"`)
			assert.NotEmpty(t, hello.ID)
			for i := first; i < 250; i++ {
				require.Equal(t, fmt.Sprint("e", i), c.next().ID, query)
			}
			require.NoError(t, c.ws.Close(1000, ""))
		}
		c := open(t, base, at)
		c.next()
		const odd = `{"id":"odd","kind":"StreamingDeltaEvent", "content" : "\u00e4 ` + "\u2028" + `"}`
		apptest.JSON[any](t, s, "POST", push, "["+odd+"]", 200)
		_, text, err := c.read()
		require.NoError(t, err)
		assert.Equal(t, odd, text)
		store(t, s, "a", "b")
		store(t, s, "b", "c")
		for _, want := range []string{"a", "b", "c"} {
			assert.Equal(t, want, c.next().ID)
		}
	})
}

// The session socket says first what it will send, and numbers what is stored.
func TestSessionSocket(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		base := s.Listen(t)
		apptest.JSON[any](t, s, "POST", "/api/v1/webhooks/conversations", `{"id":"`+id+`"}`, 200)
		at := "/sockets/session/" + id
		empty := open(t, base, at+"?after_seq=-1")
		sync := empty.next()
		assert.Equal(t, "sync", sync.Type)
		assert.Equal(t, int64(0), *sync.From)
		assert.Nil(t, sync.Through)

		store(t, s, names("e", 0, 210)...)
		for i := range 210 {
			f := empty.next()
			require.Equal(t, int64(i), *f.Seq)
			require.Equal(t, fmt.Sprint("durable e", i), f.Type+" "+f.Event.ID)
		}
		for query, first := range map[string]int64{"": 210, "?after_seq=-1": 0, "?after_seq=100": 101, "?after_seq=209": 210, "?after_seq=5000": 210} {
			c := open(t, base, at+query)
			sync := c.next()
			assert.Equal(t, first, *sync.From, query)
			assert.Equal(t, int64(209), *sync.Through)
			for i := first; i < 210; i++ {
				require.Equal(t, i, *c.next().Seq)
			}
			require.NoError(t, c.ws.Close(1000, ""))
		}
		apptest.JSON[any](t, s, "POST", push, `[{"id":"d","kind":"StreamingDeltaEvent"}]`, 200)
		f := empty.next()
		assert.Equal(t, "transient d", f.Type+" "+f.Event.ID)
		assert.Nil(t, f.Seq)
		for _, bad := range []string{"x", "-2", "1.5"} {
			_, status := dial(t, base, at+"?after_seq="+bad)
			assert.Equal(t, 422, status, bad)
		}
	})
}

// However often a client comes back, it gets each event once and in order by naming the last that
// it has seen, while others are stored all the time.
func TestReconnectsLoseNothing(t *testing.T) {
	t.Parallel()
	const all = 400
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		here, there := apptest.New(t, cfg), apptest.New(t, cfg) // two processes
		base := here.Listen(t)
		there.Listen(t)
		apptest.JSON[any](t, there, "POST", "/api/v1/webhooks/conversations", `{"id":"`+id+`"}`, 200)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range all {
				s := []*apptest.Server{here, there}[i%2]
				assert.Equal(t, 200, s.Do(t, "POST", push, fmt.Sprintf(`[{"id":"e%d"}]`, i)).Status)
			}
		}()
		defer func() { <-done }()
		last := int64(-1)
		for _, until := range []int64{50, 51, 200, all - 1} {
			c := open(t, base, fmt.Sprint("/sockets/session/", id, "?after_seq=", last))
			assert.Equal(t, "sync", c.next().Type)
			for last < until {
				f := c.next()
				require.Equal(t, last+1, *f.Seq)
				last = *f.Seq
			}
			_ = c.ws.CloseNow()
		}
	})
}

// A client's message is stored as a POST of it is. What can't be used is told, and the socket stays.
func TestMessagesOfClients(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		base := s.Listen(t)
		store(t, s, "first")
		for _, kind := range []string{"events", "session"} {
			c := open(t, base, "/sockets/"+kind+"/"+id)
			c.next()
			c.send(`{"type":"auth","session_api_key":"too late"}`)
			for bad, code := range map[string]string{
				`{"role":"user","content":[{"type":"text","text":"go"}],"run":true}`: "NotImplementedError", `{"role":"nobody"}`: "ValidationError", `[]`: "ValidationError", `{`: "ValidationError",
			} {
				c.send(bad)
				f := c.next()
				if kind == "events" {
					assert.Equal(t, "ServerErrorEvent", f.Kind)
				} else {
					assert.Equal(t, "error", f.Type)
				}
				assert.Equal(t, code, f.Code, bad)
				assert.NotEmpty(t, f.Detail)
			}
			c.send(`{"role":"user","content":[{"type":"text","text":"hello ` + kind + `"}]}`)
			_, text, err := c.read()
			require.NoError(t, err)
			assert.Contains(t, text, "hello "+kind)
		}
		assert.Equal(t, 3, apptest.JSON[int](t, s, "GET", "/api/conversations/"+id+"/events/count", "", 200), "the first and two messages")
	})
}

// A client's frame that is too large closes its socket, and nothing of it is stored. An event of the
// server's is never too large: it comes even if it is more than a client's queue takes.
func TestLargeFrames(t *testing.T) {
	t.Parallel()
	const key = "right-key"
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite), func(c *httpmodule.Config) { c.SessionAPIKey = key })
	base := s.Listen(t)
	push := func(event string) {
		require.Equal(t, 200, s.Do(t, "POST", push, "["+event+"]", "X-Session-API-Key", key).Status)
	}
	push(`{"id":"first"}`)
	tooLarge := func(c *client, text string) {
		t.Helper()
		c.send(text)
		_, _, err := c.read()
		assert.Equal(t, websocket.StatusMessageTooBig, websocket.CloseStatus(err), err)
		assert.ErrorContains(t, err, "frame_too_large")
	}
	for i, kind := range []string{"events", "session"} {
		at := "/sockets/" + kind + "/" + id
		c, other := open(t, base, at, "X-Session-API-Key", key), open(t, base, at, "X-Session-API-Key", key)
		c.next()
		other.next()
		push(fmt.Sprintf(`{"id":"large-%d","text":%q}`, i, strings.Repeat("x", 9<<20)))
		for _, c := range []*client{c, other} {
			f := c.next()
			if f.Event != nil {
				f = *f.Event
			}
			assert.Equal(t, fmt.Sprint("large-", i), f.ID)
		}
		tooLarge(c, `{"role":"user","content":[{"type":"text","text":"`+strings.Repeat("x", 16<<20)+`"}]}`)
		tooLarge(open(t, base, at), `{"type":"auth","session_api_key":"`+strings.Repeat("x", 64<<10)+`"}`)
		push(fmt.Sprintf(`{"id":"next-%d"}`, i))
		f := other.next()
		if f.Event != nil {
			f = *f.Event
		}
		assert.Equal(t, fmt.Sprint("next-", i), f.ID, "the others stay, and nothing was stored")
	}
}

// Keys come by header, by query or in the first frame; a conversation that is not there, and one that
// is deleted, close the socket with 4004.
func TestWhoMayListen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		const key = "right-key"
		s := apptest.New(t, cfg, func(c *httpmodule.Config) { c.SessionAPIKey = key })
		base := s.Listen(t)
		with := func(method, path, body string) {
			require.Equal(t, 200, s.Do(t, method, path, body, "X-Session-API-Key", key).Status)
		}
		with("POST", push, `[{"id":"e"}]`)
		for _, kind := range []string{"events", "session"} {
			at := "/sockets/" + kind + "/" + id
			open(t, base, at, "X-Session-API-Key", key).next()
			open(t, base, at+"?session_api_key="+key).next()
			_, status := dial(t, base, at, "X-Session-API-Key", "wrong")
			assert.Equal(t, 403, status)
			_, status = dial(t, base, at+"?session_api_key=wrong")
			assert.Equal(t, 403, status)
			_, status = dial(t, base, at, "X-Session-API-Key", key, "Origin", "https://evil.example")
			assert.Equal(t, 403, status)
			c := open(t, base, at)
			c.send(`{"type":"auth","session_api_key":"` + key + `"}`)
			c.next()
			for _, bad := range []string{`{"type":"auth","session_api_key":"wrong"}`, `{"type":"auth"}`, `{"role":"user"}`, `nonsense`} {
				c := open(t, base, at)
				c.send(bad)
				assert.Equal(t, websocket.StatusCode(4001), c.closed(), bad)
			}
			assert.Equal(t, websocket.StatusCode(4004), open(t, base, "/sockets/"+kind+"/"+strings.Replace(id, "0d", "1d", 1), "X-Session-API-Key", key).closed())
			_, status = dial(t, base, "/sockets/"+kind+"/nonsense", "X-Session-API-Key", key)
			assert.Equal(t, 422, status)
		}
		_, status := dial(t, base, "/sockets/bash-events", "X-Session-API-Key", key)
		assert.Equal(t, 501, status)
		assert.Equal(t, 401, s.Do(t, "GET", "/api/conversations/"+id+"/events/stream", "").Status)
		c := open(t, base, "/sockets/session/"+id, "X-Session-API-Key", key)
		c.next()
		with("DELETE", "/api/conversations/"+id, "")
		assert.Equal(t, websocket.StatusCode(4004), c.closed())
	})
}

// follow opens a stream of server-sent events and returns what reads the next one, as it was sent.
func follow(t *testing.T, url, last string) (next func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	require.NoError(t, err)
	r.Header.Set("Last-Event-ID", last)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, 200, response.StatusCode)
	lines := bufio.NewReader(response.Body)
	return func() string {
		for text := ""; ; {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			if line == "\n" && text != "" {
				return text
			}
			if !strings.HasPrefix(line, ":") && line != "\n" {
				text += line
			}
		}
	}
}

// The stream of events resumes by Last-Event-ID.
func TestEventStream(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		base := s.Listen(t)
		store(t, s, names("e", 0, 120)...)
		follow := func(query, last string) func() string {
			return follow(t, base+"/api/conversations/"+id+"/events/stream"+query, last)
		}
		next := follow("", "117")
		for i := 118; i < 120; i++ {
			assert.Contains(t, next(), fmt.Sprintf("id: %d\ndata: {\"id\":\"e%d\"", i, i))
		}
		whole, live := follow("?after_seq=-1", ""), follow("", "")
		for i := range 120 {
			assert.Contains(t, whole(), fmt.Sprintf("id: %d\n", i))
		}
		store(t, s, "new")
		apptest.JSON[any](t, s, "POST", push, `[{"id":"d","kind":"StreamingDeltaEvent"}]`, 200)
		for _, next := range []func() string{next, whole, live} {
			assert.Contains(t, next(), "id: 120\n")
			assert.True(t, strings.HasPrefix(next(), "event: transient\ndata: "))
		}
		assert.Equal(t, 422, s.Do(t, "GET", "/api/conversations/"+id+"/events/stream?after_seq=x", "").Status)
		assert.Equal(t, 404, s.Do(t, "GET", "/api/conversations/"+strings.Replace(id, "0d", "1d", 1)+"/events/stream", "").Status)
	})
}
