package conversations_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
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

// A page of 100 conversations whose agents carry 260 KB of skills each is under 1 MB. What it
// costs beside a page of agents without skills is told, not asserted.
func TestPageOfManySkillsIsSmall(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for n := range 200 {
			skills, tag := `[]`, "without"
			if n%2 == 1 {
				skills, tag = `[{"content":"`+strings.Repeat(fmt.Sprintf("%d words of a skill ", n), 20_000)[:260_000]+`"}]`, "with"
			}
			apptest.JSON[wire.Success](t, s, http.MethodPost, push,
				`{"id":"`+id(n)+`","tags":{"`+tag+`":""},"agent":{"kind":"Agent","llm":{"model":"m"},"agent_context":{"skills":`+skills+`}}}`, 200)
		}
		pages, took := map[string]string{}, map[string][]time.Duration{}
		for range 15 {
			for _, tag := range []string{"with", "without"} {
				began := time.Now()
				answer := s.Do(t, http.MethodGet, root+"/search?limit=100&tag="+tag, "")
				took[tag] = append(took[tag], time.Since(began))
				require.Equal(t, 200, answer.Status)
				pages[tag] = answer.Body
			}
		}
		for tag, page := range pages {
			assert.Less(t, len(page), 1<<20, tag)
			assert.Equal(t, 100, strings.Count(page, `"skills":[]`), tag)
		}
		assert.Less(t, len(pages["with"]), len(pages["without"])*11/10)
		median := func(tag string) time.Duration {
			slices.Sort(took[tag])
			return took[tag][len(took[tag])/2]
		}
		t.Logf("a page of 100: %d bytes in %s with skills of 260 KB each, %d in %s without (%.2f times)", len(pages["with"]), median("with"),
			len(pages["without"]), median("without"), float64(median("with"))/float64(median("without")))
	})
}
