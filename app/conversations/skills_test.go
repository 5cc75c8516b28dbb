package conversations_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Skills are left out of what is read, unless they are asked for: then the agent is as it
// was given.
func TestSkillsAreReadWhenAskedFor(t *testing.T) {
	t.Parallel()
	skills := `[{"name":"git","content":"` + strings.Repeat(`say \"hello\" é `, 17_000) + `"},{"name":"two"}]`
	agent := func(skills string) string {
		return `{"kind":"Agent","agent_context":{"a":1,"skills":` + skills + `,"z":[2]},"llm":{"model":"m"},"skills":["mine"]}`
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		put := func(n int, skills string) {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, `{"id":"`+id(n)+`","agent":`+agent(skills)+`}`, 200)
		}
		put(1, skills)
		put(2, `[]`)
		put(3, `["one"]`)
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, `{"id":"`+id(4)+`","agent":{"kind":"Agent","agent_context":{"skills":null}}}`, 200)
		for _, path := range []string{"/search?", "?ids=" + id(1) + "&ids=" + id(3) + "&ids=" + id(1) + "&", "/" + id(1) + "?"} {
			short := s.Do(t, http.MethodGet, root+path, "").Body
			assert.NotContains(t, short, "hello", path)
			assert.NotContains(t, short, `"one"`, path)
			assert.Contains(t, short, agent("[]"), path)
			long := s.Do(t, http.MethodGet, root+path+"include_skills=true", "").Body
			assert.True(t, strings.Contains(long, agent(skills)), path)
			if strings.Contains(path, "ids") {
				assert.Contains(t, long, agent(`["one"]`), path)
			}
		}
		// Other changes, and events, leave them alone; another agent brings its own.
		assert.Equal(t, 200, s.Do(t, http.MethodPatch, root+"/"+id(1), `{"title":"t"}`).Status)
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+id(1),
			`[{"id":"1","kind":"ConversationStateUpdateEvent","key":"max_iterations","value":3}]`, 200)
		assert.True(t, strings.Contains(s.Do(t, http.MethodGet, root+"/"+id(1)+"?include_skills=true", "").Body, agent(skills)))
		put(1, `["other"]`)
		assert.Contains(t, s.Do(t, http.MethodGet, root+"/"+id(1)+"?include_skills=true", "").Body, agent(`["other"]`))
		put(1, `[]`)
		assert.Contains(t, s.Do(t, http.MethodGet, root+"/"+id(1)+"?include_skills=true", "").Body, agent(`[]`))

		// A build before stores the agent whole.
		_, err := s.DB.DB().NewRaw("UPDATE conversations SET agent = ? WHERE id = ?", agent(skills), id(3)).Exec(t.Context())
		assert.NoError(t, err)
		assert.NotContains(t, s.Do(t, http.MethodGet, root+"/"+id(3), "").Body, "hello")
		assert.True(t, strings.Contains(s.Do(t, http.MethodGet, root+"/"+id(3)+"?include_skills=true", "").Body, agent(skills)))
	})
}

// pushSkills pushes a conversation whose skills have so many MiB, packed or not.
func pushSkills(t *testing.T, s *apptest.Server, n, megabytes int) {
	t.Helper()
	text := strings.Repeat(fmt.Sprintf("%-32s", fmt.Sprintf("%d words of a skill", n)), megabytes<<15)
	apptest.JSON[wire.Success](t, s, http.MethodPost, push, fmt.Sprintf(
		`{"id":"%s","created_at":"2026-01-01T00:00:0%dZ","agent":{"kind":"Agent","agent_context":{"skills":[{"content":"%s"}]}}}`, id(n), n, text), 200)
}

// A page with skills ends where its conversations reach paging.MaxBytes, and its next_page_id
// goes on with the next one: none is left out, none comes twice.
func TestPagesWithSkillsEndByTheirSize(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for n, megabytes := range []int{3, 3, 3, 9, 1} {
			pushSkills(t, s, n, megabytes)
		}
		// A build before stores an agent whole.
		whole := `{"kind":"Agent","agent_context":{"skills":["` + strings.Repeat("x", 6<<20) + `"]}}`
		pushSkills(t, s, 5, 1)
		_, err := s.DB.DB().NewRaw("UPDATE conversations SET agent = ?, agent_skills = NULL WHERE id = ?", whole, id(5)).Exec(t.Context())
		require.NoError(t, err)
		for order, want := range map[string][]string{"CREATED_AT": {"0 1", "2", "3", "4 5"}, "CREATED_AT_DESC": {"5 4", "3", "2 1", "0"}} {
			var pages []string
			for next := ""; ; {
				answer := s.Do(t, http.MethodGet, root+"/search?include_skills=true&sort_order="+order+next, "")
				require.Equal(t, 200, answer.Status, answer.Body[:min(len(answer.Body), 1000)])
				var page apptest.Page[struct{ ID string }]
				require.NoError(t, json.Unmarshal([]byte(answer.Body), &page))
				var ids []string
				for _, item := range page.Items {
					ids = append(ids, item.ID[len(item.ID)-1:])
				}
				pages = append(pages, strings.Join(ids, " "))
				assert.True(t, len(ids) == 1 || len(answer.Body) <= paging.MaxBytes+10_000, "%d bytes", len(answer.Body))
				if page.NextPageID == nil {
					break
				}
				require.Less(t, len(pages), 10)
				next = "&page_id=" + *page.NextPageID
			}
			assert.Equal(t, want, pages, order)
		}
		page := apptest.JSON[apptest.Page[struct{ ID string }]](t, s, http.MethodGet, root+"/search", "", 200)
		assert.Len(t, page.Items, 6, "without skills")
	})
}

// What is asked for by ids can't be cut: too much is refused, with what to do.
func TestBatchesWithSkillsHaveASize(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite))
	query := "?include_skills=true&ids=" + id(9)
	for n := range 4 {
		pushSkills(t, s, n, 18)
		query += "&ids=" + id(n)
	}
	answer := s.Do(t, http.MethodGet, root+query, "")
	assert.Equal(t, http.StatusUnprocessableEntity, answer.Status)
	assert.Contains(t, answer.Body, "The conversations are larger than 64 MiB together: ask for fewer at once")
	few := apptest.JSON[[]map[string]any](t, s, http.MethodGet, root+"?include_skills=true&ids="+id(9)+"&ids="+id(0)+"&ids="+id(1), "", 200)
	assert.Len(t, few, 3)
}

// A page of conversations whose agents carry 260 KB of skills each is under 10 KB for each of them. What it
// costs beside a page of agents without skills is told, not asserted.
func TestPageOfManySkillsIsSmall(t *testing.T) {
	t.Parallel()
	many, rounds := 20, 1
	if testing.Verbose() { // go test -v measures
		many, rounds = 100, 15
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for n := range 2 * many {
			skills, tag := `[]`, "without"
			if n%2 == 1 {
				skills, tag = `[{"content":"`+strings.Repeat(fmt.Sprintf("%d words of a skill ", n), 20_000)[:260_000]+`"}]`, "with"
			}
			apptest.JSON[wire.Success](t, s, http.MethodPost, push,
				`{"id":"`+id(n)+`","tags":{"`+tag+`":""},"agent":{"kind":"Agent","llm":{"model":"m"},"agent_context":{"skills":`+skills+`}}}`, 200)
		}
		pages, took := map[string]string{}, map[string][]time.Duration{}
		for range rounds {
			for _, tag := range []string{"with", "without"} {
				began := time.Now()
				answer := s.Do(t, http.MethodGet, root+"/search?limit=100&tag="+tag, "")
				took[tag] = append(took[tag], time.Since(began))
				require.Equal(t, 200, answer.Status)
				pages[tag] = answer.Body
			}
		}
		for tag, page := range pages {
			assert.Less(t, len(page), many<<20/100, tag)
			assert.Equal(t, many, strings.Count(page, `"skills":[]`), tag)
		}
		assert.Less(t, len(pages["with"]), len(pages["without"])*11/10)
		median := func(tag string) time.Duration {
			slices.Sort(took[tag])
			return took[tag][len(took[tag])/2]
		}
		t.Logf("a page of %d: %d bytes in %s with skills of 260 KB each, %d in %s without (%.2f times)", many, len(pages["with"]), median("with"),
			len(pages["without"]), median("without"), float64(median("with"))/float64(median("without")))
	})
}
