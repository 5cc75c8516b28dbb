package conversations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/dbmodule"
)

// Each page of a listing, in each order and with each filter, can be read in the order of
// an index, however many conversations there are and right after they came, and reads no more than
// its rows and those between them. PostgreSQL sorts where it takes that for cheaper, which is
// when few rows match.
func TestListingsAreReadByIndex(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tagged := func(f conversations.Filter, tags ...conversations.TagFilter) conversations.Filter {
		f.Tags = tags
		return f
	}
	often, yes := conversations.TagFilter{Name: "often"}, conversations.TagFilter{Name: "often", Value: ptr("yes")}
	filters := map[string]conversations.Filter{
		"all": {}, "top level": {TopLevel: true}, "sandbox": {SandboxID: "s1", TopLevel: true}, "sandbox, all": {SandboxID: "s1"},
		"public": {Public: true, TopLevel: true}, "public, all": {Public: true}, "public, sandbox": {Public: true, SandboxID: "s1"},
		"created": {TopLevel: true, CreatedFrom: &at}, "updated": {UpdatedFrom: &at}, "updated before": {TopLevel: true, Updated: ptr(at.AddDate(1, 0, 0))},
		"title contains": {TopLevel: true, TitleContains: "x"},
		"tag":            tagged(conversations.Filter{}, often), "tag, top level": tagged(conversations.Filter{TopLevel: true}, yes),
		"two tags": tagged(conversations.Filter{}, yes, often), "public, tag": tagged(conversations.Filter{Public: true, TopLevel: true}, often),
		"created, tag": tagged(conversations.Filter{CreatedFrom: &at}, often), "sandbox, tag": tagged(conversations.Filter{SandboxID: "s1"}, often),
		"created, updated": {CreatedFrom: &at, Updated: ptr(at.AddDate(1, 0, 0))}, "public, created": {Public: true, TopLevel: true, CreatedFrom: &at},
		"title contains, tag": tagged(conversations.Filter{TitleContains: "x"}, often),
		"status":              {Status: "running"}, "status, tag": tagged(conversations.Filter{Status: "running"}, often),
	}
	middle := func(order string) paging.Cursor {
		if strings.HasPrefix(order, "TITLE") {
			return paging.Cursor{Text: "title 3", ID: id(0)}
		}
		return paging.Cursor{Micros: at.Add(3000 * time.Second).UnixMicro(), ID: id(0)}
	}
	orders := []string{"CREATED_AT", "CREATED_AT_DESC", "UPDATED_AT", "UPDATED_AT_DESC", "TITLE", "TITLE_DESC"}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var rows []*conversations.Conversation
		var tags []*conversations.Tag
		for n := range 6000 {
			sandbox, title := fmt.Sprintf("s%d", n%20), fmt.Sprintf("title %d", n*7919%6000)
			c := &conversations.Conversation{
				ID: id(n), ExecutionStatus: []string{"idle", "running", "finished"}[n%3], SandboxID: &sandbox, Title: &title, TitleSort: title, Public: n%2 == 1,
				Agent: "{}", Workspace: "{}", ConfirmationPolicy: "{}", Stats: "{}", Tags: "{}", Details: "{}", PRNumbers: "[]",
				CreatedAt: at.Add(time.Duration(n*7907%6000) * time.Second), UpdatedAt: at.Add(time.Duration(n*7901%6000) * time.Second),
			}
			if n%5 == 0 && n > 0 {
				parent := id(n - 1)
				c.ParentID, c.HasParent = &parent, true
			}
			if n%10 < 9 {
				tags = append(tags, &conversations.Tag{
					ConversationID: c.ID, Name: "often", Value: "yes",
					CreatedMicros: c.CreatedAt.UnixMicro(), UpdatedMicros: c.UpdatedAt.UnixMicro(), TitleSort: c.TitleSort,
				})
			}
			rows = append(rows, c)
		}
		for from := 0; from < len(rows); from += 500 {
			part := rows[from : from+500]
			_, err := s.DB.DB().NewInsert().Model(&part).Returning("NULL").Exec(t.Context())
			require.NoError(t, err)
		}
		for part := range slices.Chunk(tags, 500) {
			_, err := s.DB.DB().NewInsert().Model(&part).Returning("NULL").Exec(t.Context())
			require.NoError(t, err)
		}
		for name, filter := range filters {
			for _, order := range orders {
				if strings.HasPrefix(order, "TITLE") && strings.HasPrefix(name, "status") {
					continue // no client can ask that
				}
				next, err := paging.Encode("conversations", order, middle(order))
				require.NoError(t, err)
				for _, pageID := range []string{"", next} {
					var model []*conversations.Conversation
					q, err := conversations.PageQuery(s.DB.DB().NewSelect().Model(&model), filter, filter.Usual(), order, pageID, 100)
					require.NoError(t, err)
					for _, bound := range []string{"created_at >=", "updated_at >="} {
						text := strings.NewReplacer("`", "", `"`, "").Replace(q.String())
						if s.DB.Engine() != dbmodule.PostgreSQL { // which has both ends told: see place.closed
							assert.LessOrEqual(t, strings.Count(text, "conversation."+bound), 1, "of two bounds SQLite takes any")
						}
					}
					plan := apptest.Explain(t, s, q.String())
					if s.DB.Engine() == dbmodule.SQLite && name == "tag, top level" {
						assert.Contains(t, plan, "name=? and value=?", "not all values of the tag: %s", plan)
					}
					assert.NotContains(t, plan, "sort", "%s by %s: %s", name, order, plan)
					assert.Contains(t, plan, strings.ReplaceAll(filter.Usual().Index(order), "title_sort", "title_s"), "%s by %s: %s", name, order, plan)
					if filter.TitleContains != "" { // titles here are not folded: none is found
						continue
					}
					read := apptest.RowsRead(t, s, func(db *dbmodule.Session) {
						page, _, err := s.Conversations.Page(t.Context(), db, nil, filter, order, pageID, 20)
						require.NoError(t, err)
						require.Len(t, page, 20, name+" "+order)
					})
					// To see whether a condition leaves few takes 1001, which MariaDB reads twice.
					most := int64(few + 2010*filter.Looked(order))
					assert.Less(t, read, most, "%s by %s after %q: not all that come before", name, order, pageID)
				}
			}
		}
		status := filters["status, tag"]
		var byTag, byStatus []*conversations.Conversation
		for model, w := range map[*[]*conversations.Conversation]conversations.Way{&byTag: status.Usual(), &byStatus: conversations.StatusWay} {
			q, err := conversations.PageQuery(s.DB.DB().NewSelect().Model(model), status, w, "UPDATED_AT_DESC", "", 50)
			require.NoError(t, err)
			require.NoError(t, q.Scan(t.Context()))
		}
		require.Len(t, byTag, 51)
		assert.Equal(t, byTag, byStatus)
		fewAreFound(t, s, at, false)
		if s.DB.Engine() == dbmodule.PostgreSQL {
			// As after a bulk load, it knows how many rows there are.
			_, err := s.DB.DB().ExecContext(t.Context(), "REINDEX TABLE conversations; REINDEX TABLE conversation_tags")
			require.NoError(t, err)
			pagesAreNotSorted(t, s, filters, middle, "without statistics")
			_, err = s.DB.DB().ExecContext(t.Context(), "ANALYZE")
			require.NoError(t, err)
			fewAreFound(t, s, at, true)
			pagesAreNotSorted(t, s, filters, middle, "with statistics")
		}
	})
}

// pagesAreNotSorted asks PostgreSQL for pages in each order and with each filter. It may read them as it
// likes, and reads no more than a few times their rows: 300 are in the sandbox, more in all else.
func pagesAreNotSorted(t *testing.T, s *apptest.Server, filters map[string]conversations.Filter, middle func(order string) paging.Cursor, what string) {
	t.Helper()
	for name, filter := range filters {
		if filter.TitleContains != "" {
			continue
		}
		for _, order := range []string{"CREATED_AT", "CREATED_AT_DESC", "UPDATED_AT", "UPDATED_AT_DESC", "TITLE", "TITLE_DESC"} {
			if strings.HasPrefix(order, "TITLE") && filter.Status != "" {
				continue // no client can ask that
			}
			next, err := paging.Encode("conversations", order, middle(order))
			require.NoError(t, err)
			for _, pageID := range []string{"", next} {
				var model []*conversations.Conversation
				q, err := conversations.PageQuery(s.DB.DB().NewSelect().Model(&model), filter, filter.Usual(), order, pageID, 20)
				require.NoError(t, err)
				assert.Less(t, apptest.Analyze(t, s, q.String()).Rows, int64(200), "%s, %s by %s, page %q: %s", what, name, order, pageID, q)
			}
		}
	}
}

// few is more than what a page of 20 reads, that of a sandbox with 300 included, and less than what
// it passes over if it reads from the wrong end.
const few = 650

// fewAreFound asks for what few conversations have, or none, beside what most have: by each
// order, the few are read, and not those that have the rest.
// PostgreSQL takes another index as well if its statistics say that it finds as few.
func fewAreFound(t *testing.T, s *apptest.Server, at time.Time, analyzed bool) {
	t.Helper()
	often, yes, never := conversations.TagFilter{Name: "often"}, conversations.TagFilter{Name: "often", Value: ptr("yes")}, conversations.TagFilter{Name: "never"}
	from, before := ptr(at.Add(3000*time.Second)), ptr(at.Add(3010*time.Second))
	later := ptr(at.AddDate(1, 0, 0))
	for name, test := range map[string]struct {
		filter conversations.Filter
		found  int
	}{
		"status":                    {conversations.Filter{Status: "stuck", Tags: []conversations.TagFilter{often}}, 0},
		"second tag":                {conversations.Filter{TopLevel: true, Tags: []conversations.TagFilter{often, never}}, 0},
		"first tag":                 {conversations.Filter{Public: true, Tags: []conversations.TagFilter{never, yes}}, 0},
		"sandbox":                   {conversations.Filter{SandboxID: "none", TopLevel: true, Tags: []conversations.TagFilter{often}}, 0},
		"tag in a sandbox":          {conversations.Filter{SandboxID: "s1", Tags: []conversations.TagFilter{never}}, 0},
		"created":                   {conversations.Filter{CreatedFrom: from, Created: before}, 10},
		"created, nothing before":   {conversations.Filter{Created: ptr(at.Add(10 * time.Second))}, 10},
		"updated, nothing after":    {conversations.Filter{UpdatedFrom: ptr(at.Add(5990 * time.Second))}, 10},
		"updated, among public":     {conversations.Filter{UpdatedFrom: later, Public: true, TopLevel: true}, 0},
		"created, among tagged":     {conversations.Filter{CreatedFrom: from, Created: before, Tags: []conversations.TagFilter{often}}, 9},
		"created, updated by a tag": {conversations.Filter{CreatedFrom: later, UpdatedFrom: &at, Tags: []conversations.TagFilter{yes}}, 0},
	} {
		for _, order := range []string{"CREATED_AT", "CREATED_AT_DESC", "UPDATED_AT", "UPDATED_AT_DESC", "TITLE", "TITLE_DESC"} {
			if strings.HasPrefix(order, "TITLE") && name == "status" {
				continue // no client can ask that
			}
			var found []*conversations.Conversation
			read := apptest.RowsRead(t, s, func(db *dbmodule.Session) {
				var err error
				found, _, err = s.Conversations.Page(t.Context(), db, nil, test.filter, order, "", 20)
				require.NoError(t, err)
			})
			assert.Len(t, found, test.found, "%s by %s", name, order)
			assert.Less(t, read, int64(few+2010*test.filter.Looked(order)), "%s by %s", name, order)
			w, err := test.filter.Chosen(t.Context(), s.DB.DB(), order)
			require.NoError(t, err)
			var model []*conversations.Conversation
			q, err := conversations.PageQuery(s.DB.DB().NewSelect().Model(&model), test.filter, w, order, "", 20)
			require.NoError(t, err)
			plan := apptest.Explain(t, s, q.String())
			// It may have another condition in front.
			index := strings.TrimPrefix(strings.ReplaceAll(w.Index(order), "title_sort", "title_s"), "ix_conversations_")
			if !analyzed {
				assert.Contains(t, plan, index, "%s by %s", name, order)
			}
		}
	}
}

func ptr[T any](value T) *T { return &value }
