package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/feed"
)

// processes are two on one database. Clients are with the first.
func processes(t *testing.T, cfg dbmodule.Config) (here, there *apptest.Server, base string) {
	t.Helper()
	here, there = apptest.New(t, cfg), apptest.New(t, cfg)
	base = here.Listen(t)
	there.Listen(t)
	return here, there, base
}

// What an agent server tells of the whole state comes to clients of every process, as it is stored;
// pieces of messages come to those of the process that got them, and by PostgreSQL to all.
func TestWhatIsNotStoredIsPassedOn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		here, there, base := processes(t, cfg)
		apptest.JSON[any](t, here, "POST", "/api/v1/webhooks/conversations", `{"id":"`+id+`"}`, 200)
		session, events := open(t, base, "/sockets/session/"+id), open(t, base, "/sockets/events/"+id)
		assert.Equal(t, "sync", session.next().Type)
		assert.Equal(t, "full_state", events.next().Key)
		states := func(status string, tell func()) {
			tell()
			for {
				f, text, err := session.read()
				require.NoError(t, err)
				require.Equal(t, "transient full_state", f.Type+" "+f.Event.Key)
				assert.NotContains(t, text, "sk-live")
				if strings.Contains(string(f.Event.Value), `"execution_status":"`+status+`"`) {
					break // not a state of before
				}
			}
			for !strings.Contains(string(events.next().Value), `"execution_status":"`+status+`"`) {
			}
		}
		for i, s := range []*apptest.Server{here, there} {
			states(fmt.Sprint("event-", i), func() {
				apptest.JSON[any](t, s, "POST", push, fmt.Sprintf(`[{"id":"f%d","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"agent":{"llm":{"api_key":"sk-live"}},"execution_status":"event-%d"}}]`, i, i), 200)
			})
			states(fmt.Sprint("push-", i), func() {
				apptest.JSON[any](t, s, "POST", "/api/v1/webhooks/conversations", fmt.Sprintf(`{"id":%q,"execution_status":"push-%d"}`, id, i), 200)
			})
		}
		apptest.JSON[any](t, here, "POST", push, `[{"id":"d1","kind":"StreamingDeltaEvent","content":"`+strings.Repeat("long ", 2000)+`"}]`, 200)
		f := session.next()
		assert.Equal(t, "transient d1", f.Type+" "+f.Event.ID)
		if cfg.URL.Engine() == dbmodule.PostgreSQL {
			heard, sent := make(chan struct{}), make(chan struct{})
			go func() { // until NOTIFY carries
				defer close(sent)
				for {
					assert.Equal(t, 200, there.Do(t, "POST", push, `[{"id":"d2","kind":"StreamingDeltaEvent","content":"short"}]`).Status)
					select {
					case <-heard:
						return
					case <-time.After(50 * time.Millisecond):
					}
				}
			}()
			f := session.next()
			close(heard)
			<-sent
			assert.Equal(t, "transient d2", f.Type+" "+f.Event.ID)
		}
		store(t, there, "end") // and in order
		for f = session.next(); f.Type == "transient"; f = session.next() {
			assert.Equal(t, "d2", f.Event.ID)
		}
		assert.Equal(t, "durable end", f.Type+" "+f.Event.ID)
	})
}

// A client that has got events from one process, and goes on with another one that does not know them yet, gets none
// of them again.
func TestClientsAreAheadOfAProcess(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		here, there := apptest.NewPolling(t, cfg, time.Minute), apptest.New(t, cfg) // the feed of there is not started
		base := here.Listen(t)
		store(t, here, "e0")
		first := open(t, base, "/sockets/session/"+id)
		first.next()
		store(t, there, names("e", 1, 5)...)
		session := open(t, base, "/sockets/session/"+id+"?after_seq=3")
		sync := session.next()
		assert.Equal(t, []int64{4, 4}, []int64{*sync.From, *sync.Through})
		next := follow(t, base+"/api/conversations/"+id+"/events/stream", "3")
		for i := 4; i < 7; i++ {
			if i > 4 {
				store(t, here, fmt.Sprint("e", i))
			}
			f := session.next()
			assert.Equal(t, fmt.Sprint("e", i), f.Event.ID)
			assert.Equal(t, int64(i), *f.Seq)
			assert.True(t, strings.HasPrefix(next(), fmt.Sprintf("id: %d\n", i)))
		}
		// Who has seen more than there is has seen an earlier conversation with this id.
		assert.Equal(t, int64(7), *open(t, base, "/sockets/session/"+id+"?after_seq=99").next().From)
	})
}

// A conversation that is deleted in another process closes its sockets.
func TestDeletedElsewhere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		_, there, base := processes(t, cfg)
		store(t, there, "e")
		c := open(t, base, "/sockets/session/"+id)
		c.next()
		require.Equal(t, 200, there.Do(t, "DELETE", "/api/conversations/"+id, "").Status)
		assert.Equal(t, websocket.StatusCode(4004), c.closed())
	})
}

// cutOff is a deletion that ends after its mark: nothing of the events is deleted.
type cutOff struct{ conversations.Recorder }

var errCutOff = errors.New("cut off")

func (cutOff) ErasePiece(context.Context, *dbmodule.Session, string, int) (int, error) {
	return 0, errCutOff
}

// A conversation whose events are being deleted is gone for streams too, those that are open and
// those that begin.
func TestBeingDeletedElsewhere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		_, there, base := processes(t, cfg)
		store(t, there, names("e", 0, 501)...)
		c := open(t, base, "/sockets/session/"+id)
		c.next()
		deleter := conversations.NewDeleter(there.Sessions, there.Conversations, cutOff{there.Events})
		require.ErrorIs(t, deleter.Delete(t.Context(), id), errCutOff)
		assert.Equal(t, websocket.StatusCode(4004), c.closed())
		assert.Equal(t, websocket.StatusCode(4004), open(t, base, "/sockets/events/"+id+"?resend_mode=all").closed())
		assert.Equal(t, 404, there.Do(t, "GET", "/api/conversations/"+id+"/events/stream", "").Status)
	})
}

// Whatever changes a conversation leaves a hint, so that nobody waits for the next question.
func TestEveryChangeIsPublished(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite))
	one, all := s.Feed.Subscribe("conversation", id), s.Feed.Subscribe("conversations", "")
	for _, request := range [][3]string{
		{"POST", "/api/conversations", `{"conversation_id":"` + id + `","agent":{"kind":"Agent"},"workspace":{"working_dir":"/w"}}`},
		{"POST", push, `[{"id":"e","kind":"ActionEvent"}]`},
		{"POST", push, `[{"id":"f","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"execution_status":"running"}}]`},
		{"POST", "/api/v1/webhooks/conversations", `{"id":"` + id + `","execution_status":"finished"}`},
		{"POST", "/api/conversations/" + id + "/events", `{"role":"user","content":[{"type":"text","text":"hello"}]}`},
		{"PATCH", "/api/conversations/" + id, `{"title":"New"}`},
		{"DELETE", "/api/conversations/" + id, ""},
	} {
		answer := s.Do(t, request[0], request[1], request[2])
		require.Less(t, answer.Status, 300, answer.Body)
		for name, sub := range map[string]*feed.Subscription{"conversation": one, "list": all} {
			select {
			case <-sub.Hints():
			default:
				t.Errorf("%s %s: no hint for the %s", request[0], request[1], name)
			}
		}
	}
}

// The stream of conversations tells what is created, changed and deleted, in whichever process.
func TestListStream(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		here, there, base := processes(t, cfg)
		store(t, there, "e")
		next := follow(t, base+"/api/conversations/stream", "")
		require.Equal(t, "event: sync\ndata: {}\n", next())
		told := func(name, id, with string) {
			t.Helper()
			text := next()
			lines := strings.SplitN(text, "\n", 2)
			require.Equal(t, "event: "+name, lines[0], text)
			var c struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(lines[1], "data: ")), &c), text)
			require.Equal(t, id, c.ID)
			require.Contains(t, text, with)
		}
		for i, s := range []*apptest.Server{here, there} {
			another := fmt.Sprintf("0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a2%d", i)
			apptest.JSON[any](t, s, "POST", "/api/v1/webhooks/conversations", `{"id":"`+another+`"}`, 200)
			told("created", another, `"execution_status":"idle"`)
			store(t, s, fmt.Sprint("more-", i))
			told("changed", id, fmt.Sprintf(`"leaf_event_id":"more-%d"`, i))
			apptest.JSON[any](t, s, "PATCH", "/api/conversations/"+another, `{"title":"New name"}`, 200)
			told("changed", another, "New name")
			// Of an agent server whose clock is behind.
			apptest.JSON[any](t, s, "POST", "/api/v1/webhooks/conversations", `{"id":"`+another+`","execution_status":"late","updated_at":"2020-01-01T00:00:00"}`, 200)
			told("changed", another, `"execution_status":"late"`)
			require.Equal(t, 200, s.Do(t, "DELETE", "/api/conversations/"+another, "").Status)
			told("deleted", another, "")
		}
	})
}
