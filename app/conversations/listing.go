package conversations

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/app/wire"
)

// Sort orders of listings. All have the id as tie-breaker.
const (
	CreatedAt     = "CREATED_AT"
	CreatedAtDesc = "CREATED_AT_DESC"
	UpdatedAt     = "UPDATED_AT"
	UpdatedAtDesc = "UPDATED_AT_DESC"
	Title         = "TITLE"
	TitleDesc     = "TITLE_DESC"
)

// Filter chooses conversations. Its zero value chooses all.
type Filter struct {
	Status string
	// TitleContains is looked for in titles, whatever the case. It reads every
	// title that the other conditions leave, until the page is full.
	TitleContains        string
	SandboxID            string
	CreatedFrom, Created *time.Time // at or after; before
	UpdatedFrom, Updated *time.Time // at or after; before
	// Tags are had by a conversation all of them.
	Tags []TagFilter
	// Public leaves those that anybody may read.
	Public bool
	// TopLevel leaves out conversations that have a parent.
	TopLevel bool
}

// apply adds the conditions, those of tags excepted.
func (f Filter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	if f.Status != "" {
		q = q.Where("conversation.execution_status = ?", f.Status)
	}
	if f.TitleContains != "" {
		q = q.Where("conversation.title_folded LIKE ? ESCAPE '!'", "%"+EscapeLike(wire.Fold(f.TitleContains))+"%")
	}
	if f.SandboxID != "" {
		q = q.Where("conversation.sandbox_id = ?", f.SandboxID)
	}
	if f.TopLevel {
		q = q.Where("conversation.has_parent = ?", false)
	}
	if f.Public {
		q = q.Where("conversation.public = ?", true)
	}
	return q
}

// span is a range of times in a column, nil for an end that is open.
type span struct {
	column       string
	from, before *time.Time
}

func (f Filter) spans() []span {
	var spans []span
	for _, s := range []span{{"created_at", f.CreatedFrom, f.Created}, {"updated_at", f.UpdatedFrom, f.Updated}} {
		if s.from != nil || s.before != nil {
			spans = append(spans, s)
		}
	}
	return spans
}

// apply adds the range. With unindexed SQLite does not find it by the column's index.
func (s span) apply(q *bun.SelectQuery, unindexed bool) *bun.SelectQuery {
	column := bun.SafeQuery("conversation.?", bun.Ident(s.column))
	if unindexed {
		column = bun.SafeQuery("+conversation.?", bun.Ident(s.column))
	}
	where := func(comparison string, at *time.Time) {
		if at != nil {
			q = q.Where("? ? ?", schema.QueryAppender(column), bun.Safe(comparison), *at)
		}
	}
	where(">=", s.from)
	where("<", s.before)
	return q
}

// EscapeLike makes text match itself in LIKE … ESCAPE '!'. The backslash will
// not do: engines disagree on it inside literals.
func EscapeLike(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// Page lists up to limit conversations after pageID, "" for the first page, and
// returns the next page's id, "" after the last. A page_id of another listing,
// order or origin is a [wire.Invalid].
func (*Store) Page(
	ctx context.Context, db bun.IDB, f Filter, order, pageID string, limit int,
) ([]*Conversation, string, error) {
	var rows []*Conversation
	narrow, err := f.narrow(ctx, db, order)
	if err != nil {
		return nil, "", err
	}
	q, err := pageQuery(db.NewSelect().Model(&rows), f, narrow, order, pageID, limit)
	if err != nil {
		return nil, "", err
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("conversations: list: %w", err)
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	cursor := sortingOf(order).cursor(rows[limit-1])
	cursor.ID = rows[limit-1].ID
	next, err := paging.Encode("conversations", order, cursor)
	return rows, next, err
}

// fewRows are so few that they are sorted faster than others are passed over.
const fewRows = 1000

// narrow is the column whose range leaves few conversations, if that is not the column
// they are sorted by; "" for none. Only SQLite, which does not know how many rows a range
// has, has to be told.
func (f Filter) narrow(ctx context.Context, db bun.IDB, order string) (string, error) {
	if db.Dialect().Name() != dialect.SQLite {
		return "", nil
	}
	for _, s := range f.spans() {
		if s.column == sortingOf(order).column {
			continue
		}
		some := s.apply(db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("1"), false).Limit(fewRows + 1)
		var n int
		if err := db.NewSelect().TableExpr("(?) AS some", some).ColumnExpr("count(*)").Scan(ctx, &n); err != nil {
			return "", fmt.Errorf("conversations: count a range: %w", err)
		}
		if n <= fewRows {
			return s.column, nil
		}
	}
	return "", nil
}

// pageQuery chooses a page. An index of [Conversation], or of [Tag] for those that have a
// tag, has each order wanted, also with a filter for equality, so that no page reads more
// than its rows and those between them that other conditions leave out.
func pageQuery(q *bun.SelectQuery, f Filter, narrow, order, pageID string, limit int) (*bun.SelectQuery, error) {
	by := sortingOf(order)
	direction, after := "ASC", ">"
	if strings.HasSuffix(order, "_DESC") {
		direction, after = "DESC", "<"
	}
	q = f.apply(q.ExcludeColumn("agent_skills")).Limit(int64(limit) + 1)
	for _, s := range f.spans() {
		q = s.apply(q, q.Dialect().Name() == dialect.SQLite && s.column != narrow && s.column != by.column)
	}
	column, id, key := bun.SafeQuery("conversation.?", bun.Ident(by.column)), bun.Safe("conversation.id"), by.key
	// A sandbox, and a narrow range, have few conversations: they are found by it.
	if tags := f.Tags; len(tags) > 0 && f.SandboxID == "" && narrow == "" {
		q = q.ModelTableExpr("conversation_tags AS tag CROSS JOIN conversations AS conversation").
			Where("conversation.id = tag.conversation_id")
		q = tags[0].here(q)
		column, id, key = bun.SafeQuery("tag.?", bun.Ident(by.tagColumn)), bun.Safe("tag.conversation_id"), by.tagKey
		f.Tags = tags[1:]
	}
	for _, tag := range f.Tags {
		q = tag.probe(q)
	}
	q = q.OrderExpr("? ?, ? ?", column, bun.Safe(direction), id, bun.Safe(direction))
	if pageID != "" {
		cursor, err := paging.Decode(pageID, "conversations", order)
		if err != nil {
			return nil, err
		}
		// Spelled out, since MySQL finds no range in a comparison of rows.
		q = q.Where("? ?= ?", column, bun.Safe(after), key(cursor)).
			Where("(? ? ? OR ? ? ?)", column, bun.Safe(after), key(cursor), id, bun.Safe(after), cursor.ID)
	}
	return q, nil
}

// sorting is what a listing is sorted by, and how it stands in a page_id.
type sorting struct {
	// column is that of a conversation, tagColumn that of its tags.
	column, tagColumn string
	cursor            func(*Conversation) paging.Cursor
	key, tagKey       func(paging.Cursor) any
}

// sortingOf is by creation for an order that is none.
func sortingOf(order string) sorting {
	if by, ok := sortings[strings.TrimSuffix(order, "_DESC")]; ok {
		return by
	}
	return sortings[CreatedAt]
}

func timeKey(c paging.Cursor) any { return time.UnixMicro(c.Micros).UTC() }

func microsKey(c paging.Cursor) any { return c.Micros }

func textKey(c paging.Cursor) any { return c.Text }

var sortings = map[string]sorting{
	CreatedAt: {
		"created_at", "created_micros",
		func(c *Conversation) paging.Cursor { return paging.Cursor{Micros: c.CreatedAt.UnixMicro()} }, timeKey, microsKey,
	},
	UpdatedAt: {
		"updated_at", "updated_micros",
		func(c *Conversation) paging.Cursor { return paging.Cursor{Micros: c.UpdatedAt.UnixMicro()} }, timeKey, microsKey,
	},
	Title: {
		"title_sort", "title_sort",
		func(c *Conversation) paging.Cursor { return paging.Cursor{Text: c.TitleSort} }, textKey, textKey,
	},
}

// Count counts the conversations that Page lists. It reads the index entries of all of
// them, or their rows.
func (*Store) Count(ctx context.Context, db bun.IDB, f Filter) (int64, error) {
	q := f.apply(db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("count(*)"))
	for _, s := range f.spans() {
		q = s.apply(q, false)
	}
	for _, tag := range f.Tags {
		q = tag.among(q)
	}
	var n int64
	if err := q.Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("conversations: count: %w", err)
	}
	return n, nil
}
