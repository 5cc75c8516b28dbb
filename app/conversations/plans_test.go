package conversations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

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
		"title contains, tag": tagged(conversations.Filter{TitleContains: "x"}, often),
		"status":              {Status: "running"}, "status, tag": tagged(conversations.Filter{Status: "running"}, often),
	}
	// A page of 20 reads less than few rows, and passes over more if it reads from the end.
	const few = 600
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
					q, err := conversations.PageQuery(s.DB.DB().NewSelect().Model(&model), filter, "", order, pageID, 100)
					require.NoError(t, err)
					for _, bound := range []string{"created_at >=", "updated_at >="} {
						text := strings.NewReplacer("`", "", `"`, "").Replace(q.String())
						assert.LessOrEqual(t, strings.Count(text, "conversation."+bound), 1, "of two bounds SQLite takes any")
					}
					plan := explain(t, s, q.String())
					if s.DB.Engine() == dbmodule.SQLite && name == "tag, top level" {
						assert.Contains(t, plan, "name=? and value=?", "not all values of the tag: %s", plan)
					}
					assert.NotContains(t, plan, "sort", "%s by %s: %s", name, order, plan)
					if filter.TitleContains != "" { // titles here are not folded: none is found
						continue
					}
					read := apptest.RowsRead(t, s, func(db bun.IDB) {
						page, _, err := s.Conversations.Page(t.Context(), db, filter, order, pageID, 20)
						require.NoError(t, err)
						require.Len(t, page, 20, name+" "+order)
					})
					most := int64(few)
					if name == "status, tag" || filter.CreatedFrom != nil || filter.UpdatedFrom != nil || filter.Updated != nil {
						most += 2010 // to see whether the range has few: 1001, which a server reads twice
					}
					assert.Less(t, read, most, "%s by %s after %q: not all that come before", name, order, pageID)
				}
			}
		}
		// Few have the status: they are found by it, and not among all that have the tag.
		read := apptest.RowsRead(t, s, func(db bun.IDB) {
			page, _, err := s.Conversations.Page(t.Context(), db, tagged(conversations.Filter{Status: "stuck"}, often), "CREATED_AT_DESC", "", 20)
			require.NoError(t, err)
			require.Empty(t, page)
		})
		assert.Less(t, read, int64(20))
		var byTag, byStatus []*conversations.Conversation
		for narrow, model := range map[string]*[]*conversations.Conversation{"": &byTag, "execution_status": &byStatus} {
			q, err := conversations.PageQuery(s.DB.DB().NewSelect().Model(model), filters["status, tag"], narrow, "UPDATED_AT_DESC", "", 50)
			require.NoError(t, err)
			require.NoError(t, q.Scan(t.Context()))
		}
		require.Len(t, byTag, 51)
		assert.Equal(t, byTag, byStatus)
	})
}

// explain is the plan of a statement; it has the word "sort" if rows are sorted.
func explain(t *testing.T, s *apptest.Server, statement string) string {
	t.Helper()
	prefix := "EXPLAIN "
	if s.DB.Engine() == dbmodule.SQLite {
		prefix = "EXPLAIN QUERY PLAN "
	}
	conn, err := s.DB.DB().Conn(t.Context())
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	if s.DB.Engine() == dbmodule.PostgreSQL {
		// Only what has no index for its order sorts now.
		for _, way := range []string{"enable_sort", "enable_incremental_sort"} {
			_, err := conn.ExecContext(t.Context(), "SET "+way+" = off")
			require.NoError(t, err)
		}
	}
	rows, err := conn.QueryContext(t.Context(), prefix+statement)
	require.NoError(t, err)
	defer func() { assert.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var lines []string
	for rows.Next() {
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		require.NoError(t, rows.Scan(pointers...))
		var words []string
		for _, value := range values {
			if b, ok := value.([]byte); ok {
				value = string(b)
			}
			words = append(words, fmt.Sprint(value))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	require.NoError(t, rows.Err())
	plan := strings.Join(lines, "\n")
	for _, name := range []string{"title_sort", "TITLE_SORT"} { // the word "sort" in a name is none
		plan = strings.ReplaceAll(plan, name, "title_s")
	}
	return strings.ReplaceAll(strings.ToLower(plan), "temp b-tree for order by", "sort")
}

func ptr[T any](value T) *T { return &value }
