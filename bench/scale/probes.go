package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/paging"
)

// request is what a probe asks for.
type request struct {
	method, path string
	body         []byte
}

func get(path string) request { return request{method: http.MethodGet, path: path} }

// probe is a kind of request whose cost must not grow with the database.
type probe struct {
	name string
	// goal says that it is one of those that are held to the goal; the others
	// tell what they cost.
	goal bool
	// big asks about the conversation that has a tenth of all events, whose
	// size does grow.
	big bool
	// build makes the nth request.
	build func(t *target, n int) request
}

// target is a loaded database with what probes need to know of it.
type target struct {
	*server
	data Data
	// conversations are those that probes go round, big is number 0.
	conversations []string
	big           string
	// deep are page ids from the middle of each conversation, by its id.
	deep map[string]string
	// deepListing is a page id from the middle of all conversations.
	deepListing string
}

// id is the conversation of a probe's nth request.
func (t *target) id(p *probe, n int) string {
	if p.big {
		return t.big
	}
	return t.conversations[n%len(t.conversations)]
}

// pageSize is the same as the routes' default; listingSize is less, since the
// small database has few conversations.
const (
	pageSize    = 100
	listingSize = 4
)

func probes() []*probe {
	var all []*probe
	add := func(name string, goal, big bool, build func(t *target, id string, n int) request) {
		p := &probe{name: name, goal: goal, big: big}
		p.build = func(t *target, n int) request { return build(t, t.id(p, n), n) }
		all = append(all, p)
	}
	search := func(query string) func(*target, string, int) request {
		return func(_ *target, id string, _ int) request {
			return get("/api/conversations/" + id + "/events/search?" + query)
		}
	}
	deep := func(t *target, id string, _ int) request {
		return get("/api/conversations/" + id + "/events/search?page_id=" + url.QueryEscape(t.deep[id]))
	}
	count := func(query string) func(*target, string, int) request {
		return func(_ *target, id string, _ int) request {
			return get("/api/conversations/" + id + "/events/count?" + query)
		}
	}
	add("search, first page", true, false, search(""))
	add("search, deep page", true, false, deep)
	add("search by kind, newest first", true, false, search("kind=MessageEvent&sort_order=TIMESTAMP_DESC"))
	add("count by kind", true, false, count("kind=ActionEvent"))
	add("count by source", true, false, count("source=agent"))
	add("webhook batch of 20", true, false, func(_ *target, id string, n int) request { return webhook(id, n) })
	add("conversations, first page", true, false, func(*target, string, int) request {
		return get("/api/conversations/search?limit=" + strconv.Itoa(listingSize))
	})
	add("conversations, deep page", true, false, func(t *target, _ string, _ int) request {
		return get("/api/conversations/search?limit=" + strconv.Itoa(listingSize) + "&page_id=" + url.QueryEscape(t.deepListing))
	})
	add("conversation with a tenth: search, first page", true, true, search(""))
	add("conversation with a tenth: search, deep page", true, true, deep)
	add("conversation with a tenth: count by kind", true, true, count("kind=ActionEvent"))
	add("conversation with a tenth: count by source", true, true, count("source=agent"))
	add("conversation with a tenth: webhook batch of 20", true, true, func(_ *target, id string, n int) request { return webhook(id, n) })
	add("count conversations by status", false, false, func(*target, string, int) request {
		return get("/api/conversations/count?status=idle")
	})
	add("body search without a hit", false, false, search("body=nowhere"))
	add("conversation with a tenth: body search without a hit", false, true, search("body=nowhere"))
	return all
}

// webhook is a batch of events that are not there yet.
func webhook(id string, n int) request {
	batch := make([]map[string]any, burst)
	for i := range batch {
		batch[i] = map[string]any{
			"id": uuid.NewString(), "kind": "ActionEvent", "source": "agent",
			"timestamp": epoch.AddDate(1, 0, n).Format("2006-01-02T15:04:05.000000"),
			"action":    map[string]any{"kind": "TerminalAction", "command": "go test ./parser -run TestLiterals"},
		}
	}
	body, _ := json.Marshal(batch) // texts and numbers
	return request{method: http.MethodPost, path: "/api/v1/webhooks/events/" + id, body: body}
}

// newTarget looks up what the probes need. used is how many conversations the
// probes go round, spread over all of them.
func newTarget(ctx context.Context, s *server, d Data, used int64) (*target, error) {
	t := &target{server: s, data: d, big: ConversationID(0), deep: map[string]string{}}
	others := d.Conversations() - 1
	used = min(used, others)
	for i := range used {
		t.conversations = append(t.conversations, ConversationID(1+i*others/used))
	}
	for _, id := range append([]string{t.big}, t.conversations...) {
		var err error
		if t.deep[id], err = t.middle(ctx, id); err != nil {
			return nil, err
		}
	}
	at := d.Conversations() / 2
	var err error
	t.deepListing, err = paging.Encode("conversations", conversations.CreatedAtDesc,
		paging.Cursor{Micros: d.createdAt(at).UnixMicro(), ID: ConversationID(at)})
	return t, err
}

// middle is the page id of the page that begins in the middle of a
// conversation.
func (t *target) middle(ctx context.Context, id string) (string, error) {
	var row struct {
		Seq int64 `bun:"seq"`
		TS  int64 `bun:"ts"`
	}
	count := int64(perConversation)
	if id == t.big {
		count = t.data.EventCount(0)
	}
	err := t.db.DB().NewSelect().TableExpr("events").Column("seq", "ts").
		Where("conversation_id = ?", id).Order("ts", "seq").Offset(count/2).Limit(1).Scan(ctx, &row)
	if err != nil {
		return "", fmt.Errorf("scale: find the middle of %s: %w", id, err)
	}
	return paging.Encode("events:"+id, "TIMESTAMP", paging.Cursor{Micros: row.TS, Seq: row.Seq})
}
