package webhooks_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/openhands-go/server/app/apptest"
)

// replaySize is the environment's name for how many conversations are replayed.
const replaySize = "DBTEST_REPLAY"

// What agent servers push, with all that goes wrong on the way, is what a client sees: of
// each conversation the events of the agent server's own log, each once and byte for byte, and the last
// state that was told.
func TestReplayOfAgentServers(t *testing.T) {
	t.Parallel()
	size := 60
	if text := os.Getenv(replaySize); text != "" {
		var err error
		size, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		servers := make([]*agentServer, size)
		orders := make([]map[string]int, size)
		var refused, pushes, sent atomic.Int64
		var group errgroup.Group
		group.SetLimit(8)
		for n := range size {
			a := newAgentServer(n)
			if n%10 == 9 {
				a.parent = conversationID(n - 1)
			}
			p := &pusher{t: t, server: s, agent: a, order: map[string]int{}, refused: &refused, pushes: &pushes, sent: &sent}
			servers[n], orders[n] = a, p.order
			group.Go(p.run)
		}
		require.NoError(t, group.Wait())

		var stored, poison, left, top int64
		for n, a := range servers {
			poison += int64(a.poison)
			if a.deleted {
				continue
			}
			left++
			if a.parent == "" {
				top++
			}
			stored += int64(len(a.log))
			compare(t, s, a, orders[n])
		}
		count := func(path string) int64 { return apptest.JSON[int64](t, s, http.MethodGet, path, "", 200) }
		assert.Equal(t, left, count("/api/conversations/count"))
		assert.Equal(t, left, count("/api/conversations/count?status=finished"))
		assert.Equal(t, top, count("/api/v1/app-conversations/count"))
		assert.Equal(t, left, count("/api/v1/app-conversations/count?include_sub_conversations=true&tag=server:a"))
		var rows int64
		require.NoError(t, s.DB.DB().NewRaw("SELECT count(*) FROM events").Scan(t.Context(), &rows))
		assert.Equal(t, stored, rows, "events of deleted conversations are gone, and none is there twice")
		assert.Equal(t, poison, refused.Load(), "each is refused once a delivery: %d are kept", count("/api/v1/webhooks/refused/count"))
		t.Logf("%d conversations (%d deleted), %d pushes with %d events, %d in the logs, %d refused",
			size, int64(size)-left, pushes.Load(), sent.Load(), stored, poison)
	})
}

// pusher sends one conversation's traffic.
type pusher struct {
	t      *testing.T
	server *apptest.Server
	agent  *agentServer
	// order is in which order events came first.
	order map[string]int
	// refused is how many elements were refused, without repetitions.
	refused, pushes, sent *atomic.Int64
}

func (p *pusher) run() error {
	a := p.agent
	if a.random.IntN(10) > 0 { // else it was lost for good
		if err := p.post("/api/v1/webhooks/conversations", a.info("idle")); err != nil {
			return err
		}
	}
	a.begin()
	for range 3 + a.random.IntN(10) {
		a.turn()
	}
	a.end()
	if err := p.flush(); err != nil {
		return err
	}
	for _, status := range []string{a.status, "deleting"} {
		if status == "deleting" && a.random.IntN(4) > 0 {
			break // only some are deleted at the agent server
		}
		if err := p.post("/api/v1/webhooks/conversations", a.info(status)); err != nil {
			return err
		}
	}
	if a.parent == "" && a.random.IntN(12) == 0 {
		a.deleted = true
		if answer := p.server.Do(p.t, http.MethodDelete, "/api/conversations/"+a.id, ""); answer.Status != 200 {
			return errors.New(answer.Body)
		}
	}
	return nil
}

// flush sends what waits in batches of 5, as upstream's buffer does. Answers get lost: the
// batch comes again, alone or in front of the next ones. Batches overtake each other, but
// not the last.
func (p *pusher) flush() error {
	batches := slices.Collect(slices.Chunk(p.agent.waiting, 5))
	p.agent.waiting = nil
	for i := 0; i < len(batches); i++ {
		last := i == len(batches)-1
		switch chance := p.agent.random.IntN(10); {
		case chance == 0: // the answer is lost, it comes again
			if err := p.batch(batches[i], false); err != nil {
				return err
			}
		case chance == 1 && !last: // the same, in front of the next
			if err := p.batch(batches[i], false); err != nil {
				return err
			}
			batches[i+1] = slices.Concat(batches[i], batches[i+1])
			continue
		case chance == 2 && i+2 < len(batches): // overtaken
			batches[i], batches[i+1] = batches[i+1], batches[i]
		}
		if err := p.batch(batches[i], true); err != nil {
			return err
		}
	}
	return nil
}

func (p *pusher) batch(events []json.RawMessage, count bool) error {
	body, err := json.Marshal(events)
	if err != nil {
		return err
	}
	for _, event := range events {
		var e struct{ ID string }
		if json.Unmarshal(event, &e) == nil {
			if _, there := p.order[e.ID]; !there {
				p.order[e.ID] = len(p.order)
			}
		}
	}
	p.sent.Add(int64(len(events)))
	answer := p.server.Do(p.t, http.MethodPost, "/api/v1/webhooks/events/"+p.agent.hex(), string(body))
	p.pushes.Add(1)
	var said struct{ Refused []json.RawMessage }
	if answer.Status != 200 || json.Unmarshal([]byte(answer.Body), &said) != nil {
		return fmt.Errorf("%d: %s", answer.Status, answer.Body)
	}
	if count {
		p.refused.Add(int64(len(said.Refused)))
	}
	return nil
}

func (p *pusher) post(path, body string) error {
	p.pushes.Add(1)
	if answer := p.server.Do(p.t, http.MethodPost, path, body); answer.Status != 200 {
		return fmt.Errorf("%s: %d: %s", path, answer.Status, answer.Body)
	}
	return nil
}

// compare holds what a client reads against an agent server's log.
func compare(t *testing.T, s *apptest.Server, a *agentServer, order map[string]int) {
	t.Helper()
	events := "/api/conversations/" + a.id + "/events"
	want := arrived(a.log, order)
	var got []string
	for page := "?limit=100"; page != ""; {
		read := apptest.JSON[apptest.Page[json.RawMessage]](t, s, http.MethodGet, events+"/search"+page, "", 200)
		for _, item := range read.Items {
			got = append(got, string(item))
		}
		page = ""
		if read.NextPageID != nil {
			page = "?limit=100&page_id=" + *read.NextPageID
		}
	}
	require.Len(t, got, len(want), a.id)
	kinds := map[string]int{}
	for i, e := range want {
		require.Equal(t, e.payload, got[i], "%s: event %d", a.id, i)
		kinds[e.kind]++
	}
	require.Equal(t, len(want), apptest.JSON[int](t, s, http.MethodGet, events+"/count", "", 200))
	for _, kind := range []string{"ActionEvent", "MessageEvent", "ConversationStateUpdateEvent", "StreamingDeltaEvent"} {
		require.Equal(t, kinds[kind], apptest.JSON[int](t, s, http.MethodGet, events+"/count?kind="+kind, "", 200), kind)
	}
	final := apptest.JSON[map[string]string](t, s, http.MethodGet, "/api/conversations/"+a.id+"/agent_final_response", "", 200)
	require.Equal(t, a.final, final["response"])

	info := apptest.JSON[map[string]any](t, s, http.MethodGet, "/api/conversations/"+a.id, "", 200)
	require.Equal(t, a.status, info["execution_status"], a.id)
	require.Equal(t, a.title, info["title"])
	require.Equal(t, a.leaf, info["leaf_event_id"])
	require.EqualValues(t, 77, info["max_iterations"])
	require.Equal(t, map[string]any{"server": "a"}, info["tags"])
	require.Equal(t, map[string]any{"kind": "ConfirmRisky"}, info["confirmation_policy"])
	agent, _ := json.Marshal(info["agent"])
	require.Contains(t, string(agent), `"`+a.model+`"`)
	require.NotContains(t, string(agent), "sk-secret")
	require.NotContains(t, string(agent), "Commit early")
	app := apptest.JSON[[]map[string]any](t, s, http.MethodGet, "/api/v1/app-conversations?ids="+a.id, "", 200)[0]
	require.Equal(t, a.model, app["llm_model"])
	require.InDelta(t, a.cost, app["metrics"].(map[string]any)["accumulated_cost"], 1e-9)
	if a.parent != "" {
		require.Equal(t, strings.ReplaceAll(a.parent, "-", ""), app["parent_conversation_id"])
	}
}
