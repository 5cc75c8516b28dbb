package webhooks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
)

const pushInfo = "/api/v1/webhooks/conversations"

// The order of arrival decides: a stamp is data, and a wrong one hides nothing.
func TestStampsDoNotDecide(t *testing.T) {
	t.Parallel()
	type seen struct {
		Status  string `json:"execution_status"`
		Title   string `json:"title"`
		Updated string `json:"updated_at"`
	}
	put := func(status, title, updated string) (string, string) {
		return pushInfo, `{"id":"` + dashed + `","execution_status":"` + status + `","title":"` + title + `","created_at":"2026-01-01T00:00:00Z","updated_at":"` + updated + `"}`
	}
	state := func(id, stamp, status string) (string, string) {
		return push, `[{"id":"` + id + `","kind":"ConversationStateUpdateEvent","timestamp":"` + stamp + `","key":"execution_status","value":"` + status + `"}]`
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var before string
		step := func(want string) func(path, body string) {
			return func(path, body string) {
				t.Helper()
				apptest.JSON[wire.Success](t, s, http.MethodPost, path, body, http.StatusOK)
				got := apptest.JSON[seen](t, s, http.MethodGet, info, "", 200)
				assert.Equal(t, want, got.Status+" "+got.Title, body)
				before = got.Updated
			}
		}
		step("running a")(put("running", "a", "2099-01-01T00:00:00Z"))
		assert.Equal(t, "2099-01-01T00:00:00.000000Z", before, "it is data")
		step("paused b")(put("paused", "b", "2026-01-01T00:00:00Z"))
		at, err := time.Parse(time.RFC3339, before)
		assert.True(t, err == nil && !at.After(time.Now()), "it no longer is the newest: %s", before)
		step("finished c")(put("finished", "c", "2025-12-31T23:00:00Z")) // clock set back

		// The hour that comes twice when summer time ends.
		step("running c")(state("1", "2026-10-25T02:59:59", "running"))
		step("finished c")(state("2", "2026-10-25T02:00:01", "finished"))
		step("running c")(state("3", "2099-01-01T00:00:00", "running"))
		step("error c")(state("4", "2026-10-25T03:00:00", "error"))

		// Several in a batch: the last one is the last one.
		_, first := state("5", "2026-10-25T03:00:09", "running")
		_, second := state("6", "2026-10-25T03:00:01", "paused")
		step("paused c")(push, strings.TrimSuffix(first, "]")+","+second[1:])
	})
}

// A sender that got no answer sends again, perhaps after something newer: that changes
// nothing, whether it is a push, a stored event or a repetition of the whole state.
func TestWhatComesAgainChangesNothing(t *testing.T) {
	t.Parallel()
	full := func(id, status string) string {
		return `{"id":"` + id + `","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"execution_status":"` + status + `","max_iterations":7}}`
	}
	put := func(status, more string) string {
		return `{"id":"` + dashed + `","execution_status":"` + status + `"` + more + `}`
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for _, step := range []struct{ path, body, status string }{
			{push, "[" + full("f1", "running") + "]", "running"},
			{push, "[" + full("f2", "finished") + "]", "finished"},
			{push, "[" + full("f1", "running") + "]", "finished"},
			{push, "[" + full("f1", "running") + `,{"id":"a1","kind":"ActionEvent"}]`, "finished"},
			{push, `[{"id":"a2","kind":"ActionEvent"},` + full("f3", "paused") + "]", "paused"},
			{push, `[{"id":"a1","kind":"ActionEvent"},` + full("f0", "running") + "]", "paused"}, // a1 is known and a2 is newer: all of it came before
			{push, `[{"id":"a2","kind":"ActionEvent"},` + full("f3", "paused") + "]", "paused"},

			{pushInfo, put("running", `,"updated_at":"2026-01-01T00:00:00Z"`), "running"},
			{pushInfo, put("error", `,"updated_at":"2026-01-01T00:00:01Z"`), "error"},
			{pushInfo, put("running", `,"updated_at":"2026-01-01T00:00:00Z"`), "error"},
			{push, "[" + full("f4", "stuck") + "]", "stuck"},
			{pushInfo, put("error", `,"updated_at":"2026-01-01T00:00:01Z"`), "stuck"},

			// Without a stamp the same may be meant again.
			{pushInfo, put("running", ""), "running"},
			{pushInfo, put("paused", ""), "paused"},
			{pushInfo, put("running", ""), "running"},
			{push, `[{"id":"s1","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"finished"}]`, "finished"},
			{pushInfo, put("running", ""), "finished"},
		} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, step.path, step.body, http.StatusOK)
			assert.Contains(t, s.Do(t, http.MethodGet, info, "").Body, `"execution_status":"`+step.status+`"`, step.body)
		}
		assert.Equal(t, 3, apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200))
	})
}

// A leaf that the whole state names counts until an event comes.
func TestLeafOfTheWholeState(t *testing.T) {
	t.Parallel()
	const full = `{"id":"f%","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"leaf_event_id":"far","max_iterations":9}}`
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for _, step := range []struct{ batch, leaf string }{
			{`[` + strings.Replace(full, "%", "1", 1) + `,{"id":"a1","kind":"ActionEvent"}]`, "a1"},
			{`[{"id":"a2","kind":"ActionEvent"},` + strings.Replace(full, "%", "2", 1) + `]`, "far"},
			{`[{"id":"a3","kind":"ActionEvent"}]`, "a3"},
		} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, step.batch, http.StatusOK)
			assert.Contains(t, s.Do(t, http.MethodGet, info, "").Body, `"leaf_event_id":"`+step.leaf+`"`, step.batch)
		}
	})
}

// A batch that comes again may have more repetitions of the whole state than are remembered.
func TestManyFullStatesThatComeAgain(t *testing.T) {
	t.Parallel()
	full := func(n int) string {
		return fmt.Sprintf(`{"id":"f%d","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"max_iterations":%d}}`, n, n)
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var batch []string
		for n := 1; n <= 20; n++ {
			batch = append(batch, full(n))
		}
		const twice = `{"id":"2","kind":"ActionEvent"}`
		for i, step := range []struct {
			batch string
			want  int
		}{
			{strings.Join(batch, ","), 20},
			{strings.Join(batch, ","), 20},
			{strings.Join(batch, ",") + `,{"id":"1","kind":"ActionEvent"}`, 20},
			{strings.Join(batch, ",") + `,{"id":"1","kind":"ActionEvent"},` + full(21) + "," + twice, 21},
			{full(22) + `,{"id":"3","kind":"ActionEvent"},` + full(23) + `,{"id":"3","kind":"ActionEvent"}`, 23}, // once more in one batch
		} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, "["+step.batch+"]", http.StatusOK)
			assert.Contains(t, s.Do(t, http.MethodGet, info, "").Body, fmt.Sprintf(`"max_iterations":%d,`, step.want), i)
		}
	})
}
