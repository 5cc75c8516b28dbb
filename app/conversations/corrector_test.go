package conversations_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/wire"
)

// While one build replaces another, the one before stores tags without what they are sorted by, and
// changes conversations without telling it to their tags. A sweep makes it good, more than a statement's worth.
func TestTagsOfAnotherBuildAreSorted(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const n = 8
		began := wire.Now()
		corrector := conversations.NewCorrector(s.Sessions, s.Conversations)
		at := func(i int) time.Time { return began.Add(time.Duration(i-n) * time.Minute) }
		for i := range n {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, fmt.Sprintf(
				`{"id":"%s","title":"t%d","tags":{"all":"1"},"created_at":"%s","updated_at":"%s"}`,
				id(i), i*5%n, at(i*3%n).Format(time.RFC3339Nano), at(i*7%n).Format(time.RFC3339Nano)), 200)
		}
		for i := n; i < n+450; i++ {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, fmt.Sprintf(`{"id":"%s"}`, id(i)), 200)
		}
		ids := func(query string) (ids []string) {
			page := apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, appRoot+"/search?include_sub_conversations=true&"+query, "", 200)
			for _, c := range page.Items {
				ids = append(ids, c.ID)
			}
			return ids
		}
		check := func(same bool, what string, orders ...string) {
			t.Helper()
			for _, order := range orders {
				for _, tag := range []string{"all", "all:1"} {
					query := "title__contains=t&created_at__gte=2000-01-01&updated_at__gte=2000-01-01&sort_order=" + order
					all, tagged := ids(query), ids(query+"&tag="+tag)
					require.Len(t, all, n)
					assert.Equal(t, same, assert.ObjectsAreEqual(all, tagged), "%s: %s %s", what, tag, order)
				}
			}
		}
		exec := func(statement string, values ...any) {
			t.Helper()
			_, err := s.DB.DB().NewRaw(statement, values...).Exec(t.Context())
			require.NoError(t, err)
		}
		check(true, "stored by this build", "CREATED_AT", "UPDATED_AT_DESC", "TITLE")
		exec("DELETE FROM conversation_tags")
		for i := range n {
			exec("INSERT INTO conversation_tags (conversation_id, name, value) VALUES (?, 'all', '1')", id(i))
		}
		check(false, "stored by another build", "CREATED_AT", "UPDATED_AT_DESC", "TITLE")
		require.NoError(t, corrector.Sweep(t.Context()))
		check(true, "stored by another build, after a look", "CREATED_AT", "UPDATED_AT_DESC", "TITLE")

		for i := range n {
			title := fmt.Sprint("t", n-i)
			exec("UPDATE conversations SET updated_at = ?, title_folded = ?, title_sort = ? WHERE id = ?",
				wire.Now().Add(time.Duration(-i)*time.Second), title, title, id(i))
		}
		check(false, "changed by another build", "UPDATED_AT_DESC", "TITLE")
		require.NoError(t, corrector.Sweep(t.Context()))
		check(true, "changed by another build, after another look", "CREATED_AT", "UPDATED_AT_DESC", "TITLE")

		// What is right is left alone, and what is gone meanwhile is no error.
		exec("UPDATE conversations SET updated_at = ? WHERE id = ?", began.Add(-25*time.Hour), id(0))
		exec("UPDATE conversation_tags SET updated_micros = 1 WHERE conversation_id = ?", id(0))
		var left int
		require.NoError(t, conversations.NewCorrector(s.Sessions, s.Conversations).Sweep(t.Context()))
		require.NoError(t, s.DB.DB().NewRaw("SELECT count(*) FROM conversation_tags WHERE updated_micros = 1").Scan(t.Context(), &left))
		assert.Equal(t, 1, left, "a change of the day before yesterday is not looked for")
		require.NoError(t, corrector.Correct(t.Context(), id(9999)))
	})
}

// While one build replaces another, the one before may write conversations without the columns that listings are
// read by. A sweep makes it good.
func TestWhatAnotherBuildWroteIsListed(t *testing.T) {
	t.Parallel()
	const all = "include_sub_conversations=true&sort_order=TITLE_DESC"
	cases := map[string]struct{ written, query, wrong, right string }{
		"tags without rows":  {"DELETE FROM conversation_tags WHERE conversation_id = ?", all + "&tag=all:1", "", "parent child"},
		"rows without a tag": {"INSERT INTO conversation_tags (conversation_id, name, value) VALUES (?, 'old', '1')", "include_sub_conversations=true&tag=old", "child parent", ""},
		"another value":      {"UPDATE conversation_tags SET value = '2' WHERE conversation_id = ?", all + "&tag=all:1", "", "parent child"},
		"no has_parent":      {"UPDATE conversations SET has_parent = FALSE WHERE id = ?", "sort_order=TITLE_DESC", "parent child", "parent"},
		"no title_sort":      {"UPDATE conversations SET title_sort = '' WHERE id = ?", all, "child parent", "parent child"},
		"a name for which the column is too short": {`UPDATE conversations SET tags = '{"all":"1","` + strings.Repeat("x", 300) + `":"1"}' WHERE id = ?`, all + "&tag=all:1", "parent child", "parent child"},
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		parent, child := id(0), id(1)
		for _, body := range []string{
			fmt.Sprintf(`{"id":"%s","title":"parent","tags":{"all":"1"}}`, parent),
			fmt.Sprintf(`{"id":"%s","title":"child","tags":{"all":"1"},"parent_conversation_id":"%s"}`, child, parent),
		} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, body, 200)
		}
		listed := func(query string) string {
			var titles []string
			for _, c := range apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, appRoot+"/search?"+query, "", 200).Items {
				titles = append(titles, *c.Title)
			}
			return strings.Join(titles, " ")
		}
		for name, c := range cases {
			for _, of := range []string{parent, child} {
				_, err := s.DB.DB().NewRaw(c.written, of).Exec(t.Context())
				require.NoError(t, err, name)
			}
			assert.Equal(t, c.wrong, listed(c.query), name)
			require.NoError(t, conversations.NewCorrector(s.Sessions, s.Conversations).Sweep(t.Context()), name)
			assert.Equal(t, c.right, listed(c.query), name)
		}
	})
}

// Each sweep runs at each tick, whatever the others say.
func TestSweepsRunAtEachTick(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zap.WarnLevel)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tick, ended := make(chan time.Time), make(chan struct{})
	var ran []string
	go func() {
		defer close(ended)
		conversations.Run(ctx, tick, zap.New(core), map[string]func(context.Context) error{
			"one": func(context.Context) error { ran = append(ran, "one"); return errors.New("no disk") },
			"two": func(context.Context) error {
				ran = append(ran, "two")
				if len(ran) == 4 {
					cancel()
				}
				return nil
			},
		}, "one", "two")
	}()
	tick <- time.Now()
	tick <- time.Now()
	<-ended
	assert.Equal(t, []string{"one", "two", "one", "two"}, ran)
	assert.Equal(t, 2, logged.FilterMessage("one").Len())
}
