package scale

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// rank is the place of the nth conversation in an order.
func (l Listed) rank(n, step int64) int64 { return n * step % int64(l) }

// conversation is the nth, with its tags.
func (l Listed) conversation(n int64) (*conversations.Conversation, []*conversations.Tag) {
	// Ids count up: such a table is filled fast.
	hash := n * 2_654_435_761 % 4_294_967_296 >> 8 // so that no filter follows another
	c := Data{}.conversation(n)
	c.ID = listedID(n)
	title := l.title(l.rank(n, titleStep))
	if hash%perWord == 1 {
		title += " seldom"
	}
	sandbox := fmt.Sprintf("sandbox-%d", n/perSandbox)
	c.Title, c.TitleFolded, c.TitleSort = &title, &title, title
	c.ExecutionStatus = statuses[hash%int64(len(statuses))]
	c.SandboxID, c.Public, c.EventCount, c.Numbered = &sandbox, hash/4%perPublic == 0, 0, 0
	c.CreatedAt, c.UpdatedAt = l.at(l.rank(n, createdStep)), l.at(l.rank(n, updatedStep))
	if hash/12%perSub == 0 && n > 0 {
		parent := listedID(n - 1)
		c.ParentID, c.HasParent = &parent, true
	}
	var tags []*conversations.Tag
	if hash/60%perNever > 0 {
		tags = append(tags, tagOf(c, "often", fmt.Sprint(hash/600%valuesOften)))
	}
	if hash/60%perSeldom == 1 {
		tags = append(tags, tagOf(c, "seldom", "yes"))
	}
	return c, tags
}

// tagOf is a row that the server makes for a tag.
func tagOf(c *conversations.Conversation, name, value string) *conversations.Tag {
	return &conversations.Tag{
		ConversationID: c.ID, Name: name, Value: value,
		CreatedMicros: c.CreatedAt.UnixMicro(), UpdatedMicros: c.UpdatedAt.UnixMicro(), TitleSort: c.TitleSort,
	}
}

// The rows that the engines make are those that the server would have stored.
func TestListed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		c := contract.Config{Engine: cfg.URL.Engine(), Pool: 3, Synchronous: "NORMAL", URL: dbtest.URL(t, cfg.URL.Engine())}
		const l = Listed(20_100) // two pieces
		require.NoError(t, LoadListed(t.Context(), c, l))
		db, err := openDatabase(t.Context(), c, nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		var rows []*conversations.Conversation
		require.NoError(t, db.DB().NewSelect().Model(&rows).Order("id").Scan(t.Context()))
		require.Len(t, rows, int(l))
		var tags []*conversations.Tag
		require.NoError(t, db.DB().NewSelect().Model(&tags).Order("conversation_id", "name").Scan(t.Context()))
		for n, row := range rows {
			want, wantTags := l.conversation(int64(n))
			row.CreatedAt, row.UpdatedAt = row.CreatedAt.UTC(), row.UpdatedAt.UTC()
			require.Equal(t, want, row)
			require.Equal(t, wantTags, slices.Concat(tags[:len(wantTags)]))
			tags = tags[len(wantTags):]
			if n%1000 > 0 {
				continue
			}
			n, err := db.DB().NewSelect().Model(row).WherePK().Where("created_at = ? AND updated_at = ?", want.CreatedAt, want.UpdatedAt).Count(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 1, n, "times are written as the server writes them")
		}
		require.Empty(t, tags)
		indexes := len((*conversations.Conversation)(nil).Indexes()) + len((*conversations.Tag)(nil).Indexes())
		again, err := dropIndexes(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, indexes, strings.Count(strings.Join(again, " "), "ix_"))
	})
}

// PostgreSQL has no statistics at first, whatever autovacuum would like, and has them in the second state.
func TestListedStates(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		c := contract.Config{Engine: cfg.URL.Engine(), Pool: 2, Synchronous: "NORMAL", URL: dbtest.URL(t, cfg.URL.Engine())}
		require.NoError(t, LoadListed(t.Context(), c, 100))
		db, err := openDatabase(t.Context(), c, nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		for i, state := range ListedStates(c.Engine) {
			require.NoError(t, state.Reach(t.Context(), c))
			if c.Engine != dbmodule.PostgreSQL {
				continue
			}
			var known, kept int
			require.NoError(t, db.DB().NewRaw("SELECT count(DISTINCT tablename) FROM pg_stats WHERE tablename LIKE 'conversation%'").Scan(t.Context(), &known))
			require.Equal(t, 2*i, known, state.Name)
			require.NoError(t, db.DB().NewRaw("SELECT count(*) FROM pg_class WHERE 'autovacuum_enabled=off' = ANY (reloptions)").Scan(t.Context(), &kept))
			require.Equal(t, 2, kept)
		}
	})
}
