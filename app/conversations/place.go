package conversations

import (
	"cmp"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/app/paging"
)

// place is a page's order, and the conversation after which the page begins.
type place struct {
	by               sorting
	direction, after string
	// cursor is nil for the first page.
	cursor *paging.Cursor
}

// placeOf parses a page_id, "" for the first page. A page_id of another listing or order is a [wire.Invalid].
func placeOf(order, pageID string) (place, error) {
	p := place{by: sortingOf(order), direction: "ASC", after: ">"}
	if strings.HasSuffix(order, "_DESC") {
		p.direction, p.after = "DESC", "<"
	}
	if pageID == "" {
		return p, nil
	}
	cursor, err := paging.Decode(pageID, "conversations", order)
	p.cursor = &cursor
	return p, err
}

// behind reports whether key comes later in the order than other.
func (p place) behind(key, other paging.Cursor) bool {
	order := cmp.Or(cmp.Compare(key.Micros, other.Micros), strings.Compare(key.Text, other.Text), strings.Compare(key.ID, other.ID))
	return order > 0 && p.after == ">" || order < 0 && p.after == "<"
}

// columns returns the columns of the page's order on access path w, and the function that returns a cursor's
// value for the first of them.
func (p place) columns(w way) (column, id schema.QueryAppender, key func(paging.Cursor) any) {
	column, id = bun.SafeQuery("conversation.?", bun.Ident(p.by.column)), bun.Safe("conversation.id")
	switch {
	case w.tag != nil:
		return bun.SafeQuery("tag.?", bun.Ident(p.by.tagColumn)), bun.Safe("tag.conversation_id"), p.by.tagKey
	case w.sorts() && w.column != p.by.column: // an expression, so that the engine uses no index for the order
		column = bun.SafeQuery("COALESCE(?, ?)", column, column)
	}
	return column, id, p.by.key
}

// begin adds the order, the condition that excludes rows before the page, and for a tag's access path the
// filter's range of the sort key.
func (p place) begin(f Filter, w way, q *bun.SelectQuery) *bun.SelectQuery {
	column, id, key := p.columns(w)
	for _, s := range p.span(f).spans() {
		s.each(func(comparison string, at time.Time) {
			if w.tag != nil { // otherwise apply has added it
				q = q.Where("? ? ?", column, bun.Safe(comparison), at.UnixMicro())
			}
		})
	}
	q = p.closed(q, f, w)
	if p.cursor != nil {
		q = q.Where("? ?= ?", column, bun.Safe(p.after), key(*p.cursor))
	}
	return q.OrderExpr("? ?, ? ?", column, bun.Safe(p.direction), id, bun.Safe(p.direction))
}

// closed adds conditions that every row meets, for PostgreSQL, if the access path is a condition for equality or
// a range of times. They make PostgreSQL choose the access path's index while it has no statistics: then it
// estimates that an equality or a range with two ends selects one row in 200, and a range with one end, or a
// comparison of rows, one in three. With all these conditions it expects so few rows that reading the index in
// order is the cheapest plan, but not so few that an index without the condition is as cheap. With statistics it
// knows that these conditions exclude nothing.
func (p place) closed(q *bun.SelectQuery, f Filter, w way) *bun.SelectQuery {
	if q.Dialect().Name() != dialect.PG || w.column == titleColumn || !w.equals() && !w.sorts() {
		return q
	}
	column, id, _ := p.columns(w)
	byName, byTitle := w.tag != nil && w.tag.Value == nil, p.by.column == titleColumn
	switch {
	case w.sorts():
		column = bun.SafeQuery("conversation.?", bun.Ident(w.column))
		if s := f.only(w.column).spans()[0]; s.from != nil {
			q = q.Where("(?, ?) >= (?, '')", column, id, *s.from)
		} else {
			q = q.Where("(?, ?) < (?, '')", column, id, *s.before)
		}
		q = everyTime(q, column)
	case byTitle && byName && p.cursor != nil && p.after == ">": // if the row were before the page, it would begin there
		q = q.Where("(?, ?) >= (?, '')", column, id, p.cursor.Text)
	case byTitle && byName:
		q = q.Where("? >= ''", column).Where("(?, ?) >= ('', '')", column, id)
	case byTitle: // no upper end: the last text depends on the collation
		q = q.Where("? >= ''", column)
	case w.tag != nil: // PostgreSQL parses -9223372036854775808 as a numeric, for which it uses no index
		q = q.Where("? >= -9223372036854775807", column).Where("? <= 9223372036854775807", column)
	default:
		q = everyTime(q, column)
	}
	if w.sorts() || byName || byTitle && w.tag == nil {
		return everyID(q, id)
	}
	return q.Where("? >= ''", id)
}

// everyTime adds a range of times that excludes nothing, for PostgreSQL.
func everyTime(q *bun.SelectQuery, column schema.QueryAppender) *bun.SelectQuery {
	return q.Where("? >= '-infinity'", column).Where("? < 'infinity'", column)
}

// everyID adds a range of ids, which are hexadecimal, that excludes nothing.
func everyID(q *bun.SelectQuery, id schema.QueryAppender) *bun.SelectQuery {
	return q.Where("? >= ''", id).Where("? < 'g'", id)
}

// span returns a filter with only the range of the page's sort key.
func (p place) span(f Filter) Filter {
	return p.without(f.only(p.by.column))
}

// apply adds the filter's conditions to a page with access path w: see [Filter.apply].
func (p place) apply(q *bun.SelectQuery, f Filter, w way) *bun.SelectQuery {
	f = p.without(f)
	if q.Dialect().Name() == dialect.PG && !w.equals() && !w.sorts() {
		q = p.ended(q, &f)
	}
	return f.apply(q, func(column string) bool { return w.finds(column, p.by) })
}

// ended writes the last end of the filter's range as a comparison of rows. Without statistics, PostgreSQL
// estimates that a range with two ends selects one row in 200, and would read and sort these rows instead of
// reading in order. It does not recognise a comparison of rows as an end of a range.
func (p place) ended(q *bun.SelectQuery, f *Filter) *bun.SelectQuery {
	end, comparison := &f.Created, "<"
	switch {
	case p.by.column == titleColumn:
		return q
	case p.by.column == createdColumn && p.after == "<":
		end, comparison = &f.CreatedFrom, ">="
	case p.by.column == updatedColumn && p.after == "<":
		end, comparison = &f.UpdatedFrom, ">="
	case p.by.column == updatedColumn:
		end = &f.Updated
	}
	if *end != nil {
		q = q.Where("(conversation.?, conversation.id) ? (?, '')", bun.Ident(p.by.column), bun.Safe(comparison), **end)
		*end = nil
	}
	return q
}

// without removes an end of a range that the cursor makes redundant. Of two lower ends SQLite may use either,
// and would skip all rows between them.
func (p place) without(f Filter) Filter {
	from, before := &f.CreatedFrom, &f.Created
	switch p.by.column {
	case createdColumn:
	case updatedColumn:
		from, before = &f.UpdatedFrom, &f.Updated
	default:
		return f
	}
	if p.cursor == nil {
		return f
	}
	if p.after == ">" && *from != nil && (*from).UnixMicro() <= p.cursor.Micros {
		*from = nil
	}
	if p.after == "<" && *before != nil && (*before).UnixMicro() > p.cursor.Micros {
		*before = nil
	}
	return f
}

// sorting is a listing's sort key: its columns, and its form in a page_id.
type sorting struct {
	// column is the column of conversations, tagColumn the column of conversation_tags.
	column, tagColumn string
	cursor            func(*Conversation) paging.Cursor
	tagCursor         func(*Tag) paging.Cursor
	key, tagKey       func(paging.Cursor) any
}

// byTime is the first page of all conversations in the order of a column of times.
func byTime(column string) place {
	p := place{by: sortings[CreatedAt], direction: "ASC", after: ">"}
	if column == updatedColumn {
		p.by = sortings[UpdatedAt]
	}
	return p
}

// sortingOf returns the sorting of an order; for an unknown order it is CreatedAt.
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
		createdColumn, "created_micros",
		func(c *Conversation) paging.Cursor { return paging.Cursor{Micros: c.CreatedAt.UnixMicro()} },
		func(t *Tag) paging.Cursor { return paging.Cursor{Micros: t.CreatedMicros} }, timeKey, microsKey,
	},
	UpdatedAt: {
		updatedColumn, "updated_micros",
		func(c *Conversation) paging.Cursor { return paging.Cursor{Micros: c.UpdatedAt.UnixMicro()} },
		func(t *Tag) paging.Cursor { return paging.Cursor{Micros: t.UpdatedMicros} }, timeKey, microsKey,
	},
	Title: {
		titleColumn, titleColumn,
		func(c *Conversation) paging.Cursor { return paging.Cursor{Text: c.TitleSort} },
		func(t *Tag) paging.Cursor { return paging.Cursor{Text: t.TitleSort} }, textKey, textKey,
	},
}
