package apptest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/dbmodule"
)

// searched is how many conversations there are, and how many events one of them has.
const searched = 6000

var searchedFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func searchedID(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", n) }

// asked are values of the parameters by which clients search, each of which many rows have. A new
// parameter needs one here.
var asked = map[string]string{
	"status": "running", "sandbox_id__eq": "s1", "tag": "often", "tags__contains": "often:yes", "title__contains": "title",
	"created_at__gte": "2026-01-01T00:16:00Z", "created_at__lt": "2026-01-01T01:23:00Z",
	"updated_at__gte": "2026-01-01T00:16:00Z", "updated_at__lt": "2026-01-01T01:23:00Z",
	"include_sub_conversations": "true", "include_skills": "true",
	"kind": "MessageEvent", "kind__eq": "MessageEvent", "source": "user", "body": "hello",
	"timestamp__gte": "1970-01-01T00:00:01Z", "timestamp__lt": "1970-01-01T00:00:05Z",
}

// search is a route that lists or counts, as the OpenAPI document has it.
type search struct {
	path            string
	filters, orders []string
}

// searches reads from the OpenAPI document what a client can ask. What agent servers were refused is left
// out: there is never much of it.
func searches(t *testing.T, s *apptest.Server) (all []search) {
	t.Helper()
	document := apptest.JSON[struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Required bool
				Schema   struct{ Enum []string }
			}
		}
	}](t, s, http.MethodGet, "/openapi.json", "", http.StatusOK)
	for path, operations := range document.Paths {
		get, ok := operations["get"]
		found := search{path: path + "?"}
		pages := strings.HasSuffix(path, "/count")
		for _, p := range get.Parameters {
			switch {
			case p.In == "path":
				found.path = strings.ReplaceAll(found.path, "{"+p.Name+"}", searchedID(0))
			case p.In != "query":
			case p.Required:
				found.path += p.Name + "=" + searchedID(0) + "&"
			case p.Name == "page_id":
				pages = true
			case p.Name == "sort_order":
				found.orders = p.Schema.Enum
			case p.Name != "limit":
				found.filters = append(found.filters, p.Name)
			}
		}
		if ok && pages && !strings.Contains(path, "refused") {
			slices.Sort(found.filters)
			all = append(all, found)
		}
	}
	slices.SortFunc(all, func(a, b search) int { return strings.Compare(a.path, b.path) })
	return all
}

// each calls do with no filter and each one, for each order, from the beginning and from the middle; and with
// each two together once, in turns for each order, from the beginning or from the middle. turn is another
// one for each route, so that routes that are alike are asked for each two in different orders.
func (f search) each(turn int, do func(filter url.Values, order string, far bool)) {
	orders := f.orders
	if len(orders) == 0 {
		orders = []string{""} // it counts
	}
	single := func(filter url.Values) {
		for _, order := range orders {
			do(filter, order, false)
			if order != "" {
				do(filter, order, true)
			}
		}
	}
	single(url.Values{})
	for i, first := range f.filters {
		single(url.Values{first: {asked[first]}})
		for _, second := range f.filters[i+1:] {
			do(url.Values{first: {asked[first]}, second: {asked[second]}}, orders[turn%len(orders)], turn/len(orders)%2 == 1)
			turn++
		}
	}
}

// middle is the page_id of a page from the middle.
func (f search) middle(t *testing.T, order string) string {
	t.Helper()
	listing, cursor := "conversations", paging.Cursor{Micros: searchedFrom.Add(searched / 2 * time.Second).UnixMicro(), ID: searchedID(0)}
	switch {
	case strings.HasPrefix(order, "TITLE"):
		cursor = paging.Cursor{Text: "title 3", ID: searchedID(0)}
	case strings.HasPrefix(order, "TIMESTAMP"):
		listing, cursor = "events:"+searchedID(0), paging.Cursor{Micros: searched / 2 * 1000, Seq: searched / 2}
	}
	id, err := paging.Encode(listing, order, cursor)
	require.NoError(t, err)
	return id
}

// fillSearched stores what is searched: each filter leaves many rows, and so do each two.
func fillSearched(t *testing.T, s *apptest.Server) {
	t.Helper()
	var rows []*conversations.Conversation
	var tags []*conversations.Tag
	var list []*events.Event
	for n := range searched {
		sandbox, title := fmt.Sprintf("s%d", n%20), fmt.Sprintf("title %d", n*7919%searched)
		c := &conversations.Conversation{
			ID: searchedID(n), ExecutionStatus: []string{"idle", "running", "finished"}[n%3], SandboxID: &sandbox, Public: n%2 == 1 || n == 0,
			Title: &title, TitleFolded: &title, TitleSort: title,
			Agent: "{}", Workspace: "{}", ConfirmationPolicy: "{}", Stats: "{}", Tags: "{}", Details: "{}", PRNumbers: "[]",
			CreatedAt: searchedFrom.Add(time.Duration(n*7907%searched) * time.Second), UpdatedAt: searchedFrom.Add(time.Duration(n*7901%searched) * time.Second),
		}
		if n%5 == 0 && n > 0 {
			parent := searchedID(n - 1)
			c.ParentID, c.HasParent = &parent, true
		}
		if n%10 < 9 {
			tags = append(tags, &conversations.Tag{
				ConversationID: c.ID, Name: "often", Value: "yes",
				CreatedMicros: c.CreatedAt.UnixMicro(), UpdatedMicros: c.UpdatedAt.UnixMicro(), TitleSort: c.TitleSort,
			})
		}
		number, body := int64(n), "hello"
		rows = append(rows, c)
		list = append(list, &events.Event{
			ConversationID: searchedID(0), ID: fmt.Sprint(n), Number: &number, Micros: number * 1000, Payload: "{}", Body: &body,
			Kind: []string{"MessageEvent", "ActionEvent"}[n%2], Source: []string{"agent", "user"}[n/2%2],
		})
	}
	insertAll(t, s, rows)
	insertAll(t, s, tags)
	insertAll(t, s, list, "seq")
	if s.DB.Engine() == dbmodule.PostgreSQL { // as after a bulk load, it knows how many rows there are, and no more
		_, err := s.DB.DB().ExecContext(t.Context(), "REINDEX TABLE conversations; REINDEX TABLE conversation_tags; REINDEX TABLE events")
		require.NoError(t, err)
	}
}

func insertAll[T any](t *testing.T, s *apptest.Server, rows []T, without ...string) {
	t.Helper()
	for part := range slices.Chunk(rows, 500) {
		_, err := s.DB.DB().NewInsert().Model(&part).ExcludeColumn(without...).Returning("NULL").Exec(t.Context())
		require.NoError(t, err)
	}
}

// statements keeps what is read.
type statements struct {
	mu    sync.Mutex
	texts []string
}

func (*statements) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (l *statements) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.HasPrefix(event.Query, "SELECT") {
		l.texts = append(l.texts, event.Query)
	}
}

func (l *statements) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	texts := l.texts
	l.texts = nil
	return texts
}

// Whatever a client can ask, in each order, from the first page and from the middle: an index has the order,
// and no more is read than the page and what lies between, and of a range of times 1,001 entries, to see whether it
// leaves few. That holds for each filter and each two together, and right after the rows came: PostgreSQL has no statistics then.
func TestSearchesAreReadByIndex(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		all := searches(t, s)
		require.GreaterOrEqual(t, len(all), 12)
		fillSearched(t, s)
		log := new(statements)
		s.DB.DB().AddQueryHook(log) //nolint:staticcheck // WithQueryHook makes a database that no session uses
		n := 0
		ask := func(path string, query url.Values) ([]string, string) {
			n++
			log.take()
			answer := s.GetFrom(t, fmt.Sprintf("2001:db8:%x::1", n), path+query.Encode())
			require.Equal(t, http.StatusOK, answer.Status, "%s%s: %s", path, query.Encode(), answer.Body)
			return log.take(), answer.Body
		}
		for turn, f := range all {
			for _, name := range f.filters {
				require.Contains(t, asked, name, "a parameter of %s", f.path)
			}
			f.each(turn, func(filter url.Values, order string, far bool) {
				if order == "" {
					texts, _ := ask(f.path, filter)
					assert.Less(t, replay(t, s, texts), int64(6*searched), "%s%s", f.path, filter.Encode())
					return
				}
				query := maps.Clone(filter)
				maps.Copy(query, url.Values{"sort_order": {order}, "limit": {"20"}})
				if far {
					query.Set("page_id", f.middle(t, order))
				}
				texts, body := ask(f.path, query)
				var page apptest.Page[json.RawMessage]
				require.NoError(t, json.Unmarshal([]byte(body), &page))
				assert.Len(t, page.Items, 20, "%s%s", f.path, query.Encode())
				checkRead(t, s, texts, f.path+query.Encode())
			})
		}
		assert.Greater(t, n, 450, "they are generated")
	})
}

// checkRead looks at the plans of what a page is read by, and at how much that reads.
func checkRead(t *testing.T, s *apptest.Server, texts []string, what string) {
	t.Helper()
	// Children of those on the page, whose statement has no limit, are few and sorted.
	texts = slices.DeleteFunc(texts, func(text string) bool {
		if s.DB.Engine() == dbmodule.PostgreSQL && strings.Contains(text, `parent_conversation_id IN`) {
			// If it takes them for many, PostgreSQL reads all rows of a table that is larger than this one.
			assert.LessOrEqual(t, apptest.Analyze(t, s, text).Expected, int64(25), "%s: %s", what, text)
		}
		return !strings.Contains(text, "LIMIT")
	})
	most, inTitles := int64(700), strings.Contains(what, "title__contains")
	for _, text := range texts {
		switch {
		case strings.Contains(text, "OFFSET 1000"):
			most += 2010 // of a range; MariaDB reads what it looks at twice
			fallthrough
		case strings.Contains(text, "OFFSET"):
			most += 150 // of another condition
			fallthrough
		case !inTitles:
			assert.NotContains(t, apptest.Explain(t, s, text), "sort", "%s: %s", what, text)
		}
	}
	if inTitles { // all titles are looked at
		most += 6 * searched
	}
	assert.Less(t, replay(t, s, texts), most, what)
	if s.DB.Engine() == dbmodule.PostgreSQL && !inTitles {
		for _, text := range texts {
			read := apptest.Analyze(t, s, text)
			assert.Less(t, read.Pages, most, "%s: %s", what, text)
			if before, offset, looks := strings.Cut(text, "LIMIT 1 OFFSET "); looks {
				n, err := strconv.ParseInt(offset, 10, 64)
				require.NoError(t, err)
				assert.LessOrEqual(t, read.Rows, n+1, "%s: no more than how far a condition reaches: %s", what, before)
			}
		}
	}
}

// replay is how many rows statements read.
func replay(t *testing.T, s *apptest.Server, texts []string) int64 {
	t.Helper()
	return apptest.RowsRead(t, s, func(db *dbmodule.Session) {
		for _, text := range texts {
			rows, err := db.QueryContext(t.Context(), text)
			require.NoError(t, err)
			for rows.Next() { // only to have them read
			}
			require.NoError(t, rows.Err())
			require.NoError(t, rows.Close())
		}
	})
}
