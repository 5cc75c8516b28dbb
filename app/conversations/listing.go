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
	// TitleContains is looked for in titles, whatever the case. It reads the titles in an
	// index, all of them if few match.
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
		q = Contains(q, "conversation.title_folded", f.TitleContains)
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

// from leaves out the bound of a range behind which the page begins anyway: of two bounds
// SQLite takes any, and would pass over all rows between them.
func (f Filter) from(column string, micros int64, after string) Filter {
	from, before := &f.CreatedFrom, &f.Created
	switch column {
	case "created_at":
	case "updated_at":
		from, before = &f.UpdatedFrom, &f.Updated
	default:
		return f
	}
	if after == ">" && *from != nil && (*from).UnixMicro() <= micros {
		*from = nil
	}
	if after == "<" && *before != nil && (*before).UnixMicro() > micros {
		*before = nil
	}
	return f
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

// Contains leaves rows whose column, a text that is folded, has text in it, whatever the case.
// MySQL and MariaDB would also take é for e.
func Contains(q *bun.SelectQuery, column, text string) *bun.SelectQuery {
	if q.Dialect().Name() == dialect.MySQL {
		column += " COLLATE utf8mb4_bin"
	}
	return q.Where("? LIKE ? ESCAPE '!'", bun.Safe(column), "%"+escapeLike(wire.Fold(text))+"%")
}

// escapeLike makes text match itself in LIKE … ESCAPE '!'. The backslash will
// not do: engines disagree on it inside literals.
func escapeLike(text string) string {
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
	next, err := pageAfter(order, rows[limit-1])
	return rows, next, err
}

// pageAfter is the id of the page that begins after c.
func pageAfter(order string, c *Conversation) (string, error) {
	cursor := sortingOf(order).cursor(c)
	cursor.ID = c.ID
	return paging.Encode("conversations", order, cursor)
}

const (
	// fewRows are so few that they are sorted faster than others are passed over.
	fewRows = 1000
	// fewTitles is the same for titles, of which one in the middle of others takes longer to find.
	fewTitles = 10_000
)

// titled are the conversations with a title that has the text in its beginning, and those
// whose title has more than that: what an index tells without the rows.
func (f Filter) titled(db bun.IDB) *bun.SelectQuery {
	const sort = "conversation.title_sort LIKE ? ESCAPE '!'"
	return db.NewSelect().Model((*Conversation)(nil)).Column("id").
		Where("("+sort+" OR "+sort+")", "%"+escapeLike(wire.Fold(f.TitleContains))+"%", strings.Repeat("_", maxTitle)+"%")
}

// narrow is the column by which few conversations are found, if that is neither the column
// they are sorted by nor a tag; "" for none. PostgreSQL knows how many rows a condition leaves, SQLite
// does not, and MySQL and MariaDB are told the index. None knows it of a text within titles.
func (f Filter) narrow(ctx context.Context, db bun.IDB, order string) (string, error) {
	few := func(rows *bun.SelectQuery, most int) (bool, error) {
		var n int
		err := db.NewSelect().TableExpr("(?) AS chosen", rows.Limit(int64(most)+1)).ColumnExpr("count(*)").Scan(ctx, &n)
		if err != nil {
			return false, fmt.Errorf("conversations: look for few: %w", err)
		}
		return n <= most, nil
	}
	some := func() *bun.SelectQuery { return db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("1") }
	told := db.Dialect().Name() != dialect.PG
	if told && f.Status != "" && len(f.Tags) > 0 {
		if ok, err := few(some().Where("conversation.execution_status = ?", f.Status), fewRows); err != nil || ok {
			return statusColumn, err
		}
	}
	for _, s := range f.spans() {
		if s.column == sortingOf(order).column || !told {
			continue
		}
		if ok, err := few(s.apply(some(), false), fewRows); err != nil || ok {
			return s.column, err
		}
	}
	if f.TitleContains != "" && f.SandboxID == "" {
		if ok, err := few(f.titled(db), fewTitles); err != nil || ok {
			return titleColumn, err
		}
	}
	return "", nil
}

const (
	statusColumn = "execution_status"
	titleColumn  = "title_sort"
)

// pageQuery chooses a page. An index of [Conversation], or of [Tag] for those that have a
// tag, has each order wanted, also with a filter for equality, so that no page reads more
// than its rows and those between them that other conditions leave out.
func pageQuery(q *bun.SelectQuery, f Filter, narrow, order, pageID string, limit int) (*bun.SelectQuery, error) {
	by := sortingOf(order)
	direction, after := "ASC", ">"
	if strings.HasSuffix(order, "_DESC") {
		direction, after = "DESC", "<"
	}
	var cursor paging.Cursor
	if pageID != "" {
		var err error
		if cursor, err = paging.Decode(pageID, "conversations", order); err != nil {
			return nil, err
		}
		f = f.from(by.column, cursor.Micros, after)
	}
	q = f.apply(q.ExcludeColumn("agent_skills")).Limit(int64(limit) + 1)
	for _, s := range f.spans() {
		q = s.apply(q, q.Dialect().Name() == dialect.SQLite && s.column != narrow && s.column != by.column)
	}
	column, id, key := bun.SafeQuery("conversation.?", bun.Ident(by.column)), bun.Safe("conversation.id"), by.key
	// A sandbox, a narrow range and a seldom text have few conversations: they are found by it.
	if narrow == titleColumn {
		q = q.ModelTableExpr("(?) AS found CROSS JOIN conversations AS conversation", f.titled(q.DB())).Where("conversation.id = found.id")
	}
	if tags := f.Tags; len(tags) > 0 && f.SandboxID == "" && narrow == "" {
		q = tags[0].first(q, by)
		column, id, key = bun.SafeQuery("tag.?", bun.Ident(by.tagColumn)), bun.Safe("tag.conversation_id"), by.tagKey
		f.Tags = tags[1:]
	} else if index := f.index(narrow, by); index != "" {
		q = q.ForceIndex(index)
	}
	for _, tag := range f.Tags {
		q = tag.probe(q)
	}
	q = q.OrderExpr("? ?, ? ?", column, bun.Safe(direction), id, bun.Safe(direction))
	if pageID != "" {
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
