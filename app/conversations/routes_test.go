package conversations_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
)

const (
	root    = "/api/conversations"
	appRoot = "/api/v1/app-conversations"
	push    = "/api/v1/webhooks/conversations"
)

type info struct {
	ID                 string            `json:"id"`
	Title              *string           `json:"title"`
	ExecutionStatus    string            `json:"execution_status"`
	Agent              map[string]any    `json:"agent"`
	Workspace          map[string]any    `json:"workspace"`
	Tags               map[string]string `json:"tags"`
	ParentID           *string           `json:"parent_conversation_id"`
	SubConversationIDs []string          `json:"sub_conversation_ids"`
	PersistenceDir     string            `json:"persistence_dir"`
	CreatedAt          string            `json:"created_at"`
	UpdatedAt          string            `json:"updated_at"`
	Success            bool              `json:"success"`
	Public             bool              `json:"public"`
	LLMModel           *string           `json:"llm_model"`
	SandboxStatus      string            `json:"sandbox_status"`
}

func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", n) }

func create(t *testing.T, s *apptest.Server, body string) info {
	t.Helper()
	return apptest.JSON[info](t, s, http.MethodPost, root, body, http.StatusCreated)
}

func TestCreate(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		body := `{"conversation_id":"` + strings.ToUpper(wire.HexID(id(1))) + `",
			"agent":{"kind":"Agent","llm":{"model":"m/x","api_key":"sk-live","max_output_tokens":9007199254740993,"aws_secret_access_key":"s3"}},
			"workspace":{"type":"local","working_dir":"/tmp"},"max_iterations":500,"stuck_detection":true,"hook_config":null,"user_id":null,
			"secrets":{"A":"b"},"unknown":[1],
			"initial_message":{"role":"user","content":[{"type":"text","text":"a\u0000b <é>"},{"type":"image","image_urls":["u"]}]}}`
		made := create(t, s, body)
		assert.Equal(t, id(1), made.ID)
		assert.Equal(t, "idle", made.ExecutionStatus)
		assert.NotEmpty(t, made.PersistenceDir)
		assert.NotNil(t, made.SubConversationIDs)

		answer := s.Do(t, http.MethodGet, root+"/"+id(1), "")
		assert.NotContains(t, answer.Body, "sk-live")
		assert.NotContains(t, answer.Body, "s3")
		assert.Contains(t, answer.Body, `"api_key":"**********"`)
		assert.Contains(t, answer.Body, `"max_output_tokens":9007199254740993`)

		events := apptest.JSON[apptest.Page[map[string]any]](t, s, http.MethodGet, root+"/"+id(1)+"/events/search", "", 200)
		require.Len(t, events.Items, 1)
		assert.Equal(t, "MessageEvent", events.Items[0]["kind"])
		assert.Equal(t, "user", events.Items[0]["source"])
		raw := s.Do(t, http.MethodGet, root+"/"+id(1)+"/events/search", "").Body
		assert.Contains(t, raw, `"content":[{"type":"text","text":"a\u0000b <é>"},{"type":"image","image_urls":["u"]}]`)

		again := apptest.JSON[info](t, s, http.MethodPost, root, body, http.StatusOK)
		assert.Equal(t, made.CreatedAt, again.CreatedAt)
		assert.Equal(t, 1, apptest.JSON[int](t, s, http.MethodGet, root+"/"+id(1)+"/events/count", "", 200))

		assert.NotEqual(t, create(t, s, `{}`).ID, create(t, s, `{}`).ID)
		child := create(t, s, `{"parent_conversation_id":"`+id(1)+`"}`)
		parent := apptest.JSON[info](t, s, http.MethodGet, root+"/"+id(1), "", 200)
		assert.Equal(t, []string{child.ID}, parent.SubConversationIDs)

		refused := s.Do(t, http.MethodPost, root, `{"conversation_id":"`+id(9)+`","initial_message":{"content":[],"run":true}}`)
		assert.Equal(t, http.StatusNotImplemented, refused.Status)
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, root+"/"+id(9), "").Status)
	})
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	cases := []struct{ method, path, body, loc string }{
		{"POST", root, ``, `["body"]`},
		{"POST", root, `{`, `["body"]`},
		{"POST", root, `7`, `["body"]`},
		{"POST", root, `[]`, `["body"]`},
		{"POST", root, "{\"title\":\"\xff\"}", `["body"]`},
		{"POST", root, `{"conversation_id":"x"}`, `["body","conversation_id"]`},
		{"POST", root, `{"conversation_id":5}`, `["body","conversation_id"]`},
		{"POST", root, `{"agent":"x"}`, `["body","agent"]`},
		{"POST", root, `{"workspace":[]}`, `["body","workspace"]`},
		{"POST", root, `{"title":"a\u0000b"}`, `["body","title"]`},
		{"POST", root, `{"title":""}`, `["body","title"]`},
		{"POST", root, `{"title":"` + strings.Repeat("x", 201) + `"}`, `["body","title"]`},
		{"POST", root, `{"tags":{"Bad":"x"}}`, `["body","tags","Bad"]`},
		{"POST", root, `{"tags":{"a":5}}`, `["body","tags","a"]`},
		{"POST", root, `{"tags":{"a":"` + strings.Repeat("x", 257) + `"}}`, `["body","tags","a"]`},
		{"POST", root, `{"tags":[]}`, `["body","tags"]`},
		{"POST", root, `{"max_iterations":0}`, `["body","max_iterations"]`},
		{"POST", root, `{"max_iterations":1.5}`, `["body","max_iterations"]`},
		{"POST", root, `{"max_iterations":99999999999999999999}`, `["body","max_iterations"]`},
		{"POST", root, `{"stuck_detection":"yes"}`, `["body","stuck_detection"]`},
		{"POST", root, `{"parent_conversation_id":"` + id(77) + `"}`, `["body","parent_conversation_id"]`},
		{"POST", root, `{"initial_message":"hi"}`, `["body","initial_message"]`},
		{"POST", root, `{"initial_message":{"role":"king"}}`, `["body","initial_message","role"]`},
		{"POST", push, `{}`, `["body","id"]`},
		{"PATCH", root + "/" + id(1), `{"title":""}`, `["body","title"]`},
		{"PATCH", root + "/" + id(1), `{"title":"\u0000"}`, `["body","title"]`},
		{"PATCH", root + "/" + id(1), `{"title":7}`, `["body","title"]`},
		{"PATCH", root + "/" + id(1), `{"tags":{"a b":""}}`, `["body","tags","a b"]`},
		{"PATCH", appRoot + "/" + id(1), `{"public":"x"}`, `["body","public"]`},
		{"PATCH", root + "/x", `{}`, `["path","conversation_id"]`},
		{"GET", root + "/x", ``, `["path","conversation_id"]`},
		{"DELETE", root + "/0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a1g", ``, `["path","conversation_id"]`},
		{"GET", root + "/search?limit=0", ``, `["query","limit"]`},
		{"GET", root + "/search?limit=101", ``, `["query","limit"]`},
		{"GET", root + "/search?limit=x", ``, `["query","limit"]`},
		{"GET", root + "/search?limit=99999999999999999999", ``, `["query","limit"]`},
		{"GET", root + "/search?sort_order=TITLE", ``, `["query","sort_order"]`},
		{"GET", root + "/search?status=bored", ``, `["query","status"]`},
		{"GET", root + "/count?status=bored", ``, `["query","status"]`},
		{"GET", root + "/search?page_id=x", ``, `["query","page_id"]`},
		{"GET", root + "/search?page_id=%00", ``, `["query","page_id"]`},
		{"GET", root, ``, `["query","ids"]`},
		{"GET", root + "?ids=x", ``, `["query","ids"`},
		{"GET", root + "?ids=" + strings.Repeat(id(1)+"&ids=", 100) + id(1), ``, `["query","ids"`},
		{"GET", appRoot + "/search?limit=0", ``, `["query","limit"]`},
		{"GET", appRoot + "/search?created_at__gte=x", ``, `["query","created_at__gte"]`},
		{"GET", appRoot + "/count?updated_at__lt=2026-13-01", ``, `["query","updated_at__lt"]`},
		{"GET", appRoot + "/search?title__contains=%00", ``, `["query","title__contains"]`},
		{"GET", appRoot + "/search?include_sub_conversations=maybe", ``, `["query","include_sub_conversations"]`},
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for _, c := range cases {
			answer := s.Do(t, c.method, c.path, c.body)
			assert.Equal(t, http.StatusUnprocessableEntity, answer.Status, "%s %s %.80s: %s", c.method, c.path, c.body, answer.Body)
			assert.Contains(t, answer.Body, `{"detail":[{"loc":`+c.loc, "%s %s %.80s", c.method, c.path, c.body)
		}
		assert.Equal(t, 0, apptest.JSON[int](t, s, http.MethodGet, root+"/count", "", 200))
		for _, missing := range []struct{ method, path, body string }{
			{"GET", root + "/" + id(1), ""},
			{"PATCH", root + "/" + id(1), "{}"},
			{"DELETE", root + "/" + id(1), ""},
			{"PATCH", appRoot + "/" + id(1), "{}"},
			{"DELETE", appRoot + "/" + id(1), ""},
		} {
			answer := s.Do(t, missing.method, missing.path, missing.body)
			assert.Equal(t, http.StatusNotFound, answer.Status)
			assert.Equal(t, `{"detail":"Conversation not found"}`, answer.Body)
		}
		for _, path := range []string{
			"run", "goal", "goal/stop", "goal/resume", "pause", "interrupt", "condense", "ask_agent", "fork", "navigate",
			"events/respond_to_confirmation",
		} {
			for _, body := range []string{"", "{}"} {
				answer := s.Do(t, http.MethodPost, root+"/"+id(1)+"/"+path, body)
				assert.Equal(t, http.StatusNotImplemented, answer.Status, path)
				assert.Contains(t, answer.Body, `{"detail":"There is no agent`)
			}
		}
		assert.Equal(t, http.StatusNotImplemented, s.Do(t, http.MethodPost, appRoot, "{}").Status)
	})
}

func TestUpdateAndDelete(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		made := create(t, s, `{"conversation_id":"`+id(1)+`","tags":{"a":"1"}}`)
		path := root + "/" + wire.HexID(id(1))
		changed := apptest.JSON[info](t, s, http.MethodPatch, path, `{"title":"100% Ünï_çode! 😀"}`, 200)
		assert.True(t, changed.Success)
		assert.Equal(t, "100% Ünï_çode! 😀", *changed.Title)
		assert.Equal(t, map[string]string{"a": "1"}, changed.Tags)
		assert.Equal(t, made.CreatedAt, changed.CreatedAt)
		changed = apptest.JSON[info](t, s, http.MethodPatch, path, `{"title":null,"tags":{"b":"2"}}`, 200)
		assert.Equal(t, map[string]string{"b": "2"}, changed.Tags)
		assert.NotNil(t, changed.Title)

		// What a client has set survives what its agent server pushes.
		apptest.JSON[wire.Success](t, s, http.MethodPost, push,
			`{"id":"`+id(1)+`","title":"other","tags":{},"execution_status":"running"}`, 200)
		after := apptest.JSON[info](t, s, http.MethodGet, path, "", 200)
		assert.Equal(t, changed.Title, after.Title)
		assert.Equal(t, changed.Tags, after.Tags)
		assert.Equal(t, "running", after.ExecutionStatus)

		public := apptest.JSON[info](t, s, http.MethodPatch, appRoot+"/"+id(1), `{"public":true}`, 200)
		assert.True(t, public.Public)
		assert.Equal(t, wire.HexID(id(1)), public.ID)
		assert.Equal(t, "MISSING", public.SandboxStatus)

		child := create(t, s, `{"parent_conversation_id":"`+id(1)+`"}`)
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+id(1), `[{"id":"1"}]`, 200)
		apptest.JSON[wire.Success](t, s, http.MethodDelete, path, "", 200)
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodDelete, path, "").Status)
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, path+"/events/1", "").Status, "deleted with it")
		apptest.JSON[info](t, s, http.MethodGet, root+"/"+child.ID, "", 200)
	})
}

func TestPushedConversation(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		body := `{"id":"` + wire.HexID(id(1)) + `","title":"T","execution_status":"running","agent":{"kind":"ACPAgent","llm":{"model":"m","api_key":"k3y"}},
			"workspace":{"working_dir":"/w"},"created_at":"2026-01-01T00:00:00.5Z","updated_at":"2026-01-01T00:00:01","hook_config":{"env":{"X":"t0p"}},
			"secret_registry":{"secret_sources":{"a":{"value":"deep"}}},"stats":{"usage_to_metrics":{"a":{"accumulated_cost":0.5}}}}`
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, body, 200)
		first := s.Do(t, http.MethodGet, root+"/"+id(1), "")
		require.Equal(t, 200, first.Status)
		assert.Contains(t, first.Body, `"created_at":"2026-01-01T00:00:00.500000Z"`)
		assert.Contains(t, first.Body, `"updated_at":"2026-01-01T00:00:01.000000Z"`)
		for _, secret := range []string{"k3y", "t0p", "deep"} {
			assert.NotContains(t, first.Body, secret)
		}
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, body, 200)
		assert.Equal(t, first.Body, s.Do(t, http.MethodGet, root+"/"+id(1), "").Body, "delivered again")

		later := strings.NewReplacer("2026-01-01", "2026-02-02", "running", "paused").Replace(body)
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, later, 200)
		now := apptest.JSON[info](t, s, http.MethodGet, root+"/"+id(1), "", 200)
		assert.Equal(t, "2026-01-01T00:00:00.500000Z", now.CreatedAt)
		assert.Equal(t, "2026-02-02T00:00:01.000000Z", now.UpdatedAt)
		assert.Equal(t, "paused", now.ExecutionStatus)

		// Neither what comes again nor what comes late undoes what events told since.
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+id(1),
			`[{"id":"1","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"finished"}]`, 200)
		told := s.Do(t, http.MethodGet, root+"/"+id(1), "").Body
		assert.Contains(t, told, `"execution_status":"finished"`)
		for _, again := range []string{later, body} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, again, 200)
			assert.Equal(t, told, s.Do(t, http.MethodGet, root+"/"+id(1), "").Body)
		}

		// The ends of time.
		for i, at := range []string{"0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push,
				`{"id":"`+id(50+i)+`","created_at":"`+at+`","updated_at":"`+at+`"}`, 200)
			assert.Equal(t, at, apptest.JSON[info](t, s, http.MethodGet, root+"/"+id(50+i), "", 200).CreatedAt)
			for _, filter := range []string{"created_at__gte", "created_at__lt", "updated_at__gte", "updated_at__lt"} {
				apptest.JSON[int](t, s, http.MethodGet, appRoot+"/count?"+filter+"="+at, "", 200)
			}
		}

		// Events came first.
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+id(2), `[{"id":"1"}]`, 200)
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, `{"id":"`+id(2)+`","title":"late"}`, 200)
		assert.Equal(t, "late", *apptest.JSON[info](t, s, http.MethodGet, root+"/"+id(2), "", 200).Title)
		assert.Equal(t, 1, apptest.JSON[int](t, s, http.MethodGet, root+"/"+id(2)+"/events/count", "", 200))
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		titles := []string{"100%", "100 percent", "a_b", "axb", "Ünïcode STRASSE", `back\slash`, "quo'te!", ""}
		for i, title := range titles {
			status := []string{"idle", "running"}[i%2]
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, fmt.Sprintf(
				`{"id":%q,"title":%q,"execution_status":%q,"sandbox_id":"box%d","created_at":"2026-01-0%dT00:00:00Z"}`,
				id(i), title, status, i%3, i+1), 200)
		}
		create(t, s, `{"conversation_id":"`+id(100)+`","parent_conversation_id":"`+id(0)+`","title":"100%"}`)

		for contains, want := range map[string]int{
			"100%": 1, "100": 2, "_": 1, "A_B": 1, "ÜNÏ": 1, "strasse": 1, `\`: 1, "'": 1, "!": 1, "%": 1, "none": 0,
		} {
			q := "?title__contains=" + url.QueryEscape(contains)
			page := apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, appRoot+"/search"+q, "", 200)
			assert.Len(t, page.Items, want, contains)
			assert.Equal(t, want, apptest.JSON[int](t, s, http.MethodGet, appRoot+"/count"+q, "", 200), contains)
		}
		for q, want := range map[string]int{
			"":                                8,
			"?include_sub_conversations=true": 9,
			"?sandbox_id__eq=box1":            3,
			"?created_at__gte=2026-01-03T00:00:00Z&created_at__lt=2026-01-05T01:00:00%2B01:00": 2,
			"?updated_at__lt=2026-01-02":                             1,
			"?include_sub_conversations=true&title__contains=100%25": 2,
		} {
			page := apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, appRoot+"/search"+q, "", 200)
			assert.Len(t, page.Items, want, q)
			assert.Equal(t, want, apptest.JSON[int](t, s, http.MethodGet, appRoot+"/count"+q, "", 200), q)
		}
		assert.Equal(t, 9, apptest.JSON[int](t, s, http.MethodGet, root+"/count", "", 200))
		assert.Equal(t, 4, apptest.JSON[int](t, s, http.MethodGet, root+"/count?status=running", "", 200))
		assert.Len(t, apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, root+"/search?status=running&include_skills=true", "", 200).Items, 4)

		found := apptest.JSON[[]*info](t, s, http.MethodGet,
			root+"?ids="+id(3)+"&ids="+id(55)+"&ids="+wire.HexID(id(1))+"&ids="+id(3), "", 200)
		require.Len(t, found, 4)
		assert.Equal(t, id(3), found[0].ID)
		assert.Nil(t, found[1])
		assert.Equal(t, id(1), found[2].ID)
		assert.Equal(t, id(3), found[3].ID)
	})
}

// Walking pages meets each conversation once that was there at the start,
// however many of them share a time and whatever is inserted on the way.
func TestPages(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const n = 23
		put := func(i int) {
			day := i%4 + 1
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, fmt.Sprintf(
				`{"id":%q,"created_at":"2026-01-0%dT00:00:00.000001Z","updated_at":"2026-01-0%dT00:00:01Z"}`, id(i*10), day, day), 200)
		}
		for i := range n {
			put(i)
		}
		next := n
		for _, order := range []string{"CREATED_AT", "CREATED_AT_DESC", "UPDATED_AT", "UPDATED_AT_DESC"} {
			start := next
			seen := map[string]int{}
			var walked []string
			path := root + "/search?limit=4&sort_order=" + order
			page := apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, path, "", 200)
			for pages := 1; ; pages++ {
				for _, item := range page.Items {
					seen[item.ID]++
					key := item.CreatedAt
					if strings.HasPrefix(order, "UPDATED") {
						key = item.UpdatedAt
					}
					walked = append(walked, key+item.ID)
				}
				if page.NextPageID == nil {
					break
				}
				require.Less(t, pages, 50)
				put(next)
				next++
				page = apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, path+"&page_id="+*page.NextPageID, "", 200)
			}
			for i := range start {
				require.Equal(t, 1, seen[id(i*10)], "%s %d", order, i)
			}
			sorted := slices.Sorted(slices.Values(walked))
			if strings.HasSuffix(order, "DESC") {
				slices.Reverse(sorted)
			}
			assert.Equal(t, sorted, walked)
		}
		token := *apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, root+"/search?limit=1", "", 200).NextPageID
		assert.Equal(t, http.StatusUnprocessableEntity,
			s.Do(t, http.MethodGet, root+"/search?sort_order=UPDATED_AT&page_id="+token, "").Status, "of another order")
		assert.Equal(t, http.StatusUnprocessableEntity,
			s.Do(t, http.MethodGet, root+"/"+id(0)+"/events/search?page_id="+token, "").Status, "of another listing")
	})
}
