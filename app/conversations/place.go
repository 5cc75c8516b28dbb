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

// place is where a page begins: in which order, and after which conversation.
type place struct {
	by               sorting
	direction, after string
	// cursor is nil for the first page.
	cursor *paging.Cursor
}

// placeOf reads a page_id, "" for the first page: one of another listing or order is
// a [wire.Invalid].
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

// behind says that a sort key and id come later than another.
func (p place) behind(key, other paging.Cursor) bool {
	order := cmp.Or(cmp.Compare(key.Micros, other.Micros), strings.Compare(key.Text, other.Text), strings.Compare(key.ID, other.ID))
	return order > 0 && p.after == ">" || order < 0 && p.after == "<"
}

// columns are what the page is sorted by if it is read by way of w, and the value of it that a cursor has.
func (p place) columns(w way) (column, id schema.QueryAppender, key func(paging.Cursor) any) {
	column, id = bun.SafeQuery("conversation.?", bun.Ident(p.by.column)), bun.Safe("conversation.id")
	switch {
	case w.tag != nil:
		return bun.SafeQuery("tag.?", bun.Ident(p.by.tagColumn)), bun.Safe("tag.conversation_id"), p.by.tagKey
	case w.sorts() && w.column != p.by.column: // by what is no column to an engine, which has no index for it then
		column = bun.SafeQuery("COALESCE(?, ?)", column, column)
	}
	return column, id, p.by.key
}

// begin leaves what is not before the page, and of tags those in the filter's range of what it is sorted by, in order.
func (p place) begin(f Filter, w way, q *bun.SelectQuery) *bun.SelectQuery {
	column, id, key := p.columns(w)
	for _, s := range p.span(f).spans() {
		s.each(func(comparison string, at time.Time) {
			if w.tag != nil { // that of the conversation's column is among the filter's conditions
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

// closed gives PostgreSQL ranges that leave out nothing, where a condition for equality or a range of times is the way.
// As long as it has no statistics, it takes one row in 200 for equal to anything and for in a range with two ends, and one in
// three for behind one end, or behind one that is compared as a row. It expects so few of all these together that to read
// them in the order of the index is the cheapest; but not so few that an index without the condition is as cheap. With
// statistics it knows that the ranges leave out nothing, and how many rows the condition leaves.
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
	case byTitle: // which is the last depends on the collation
		q = q.Where("? >= ''", column)
	case w.tag != nil: // one more below, and PostgreSQL reads no bigint but a numeric, for which it uses no index
		q = q.Where("? >= -9223372036854775807", column).Where("? <= 9223372036854775807", column)
	default:
		q = everyTime(q, column)
	}
	if w.sorts() || byName || byTitle && w.tag == nil {
		return everyID(q, id)
	}
	return q.Where("? >= ''", id)
}

// everyTime is a range that leaves out nothing, on PostgreSQL.
func everyTime(q *bun.SelectQuery, column schema.QueryAppender) *bun.SelectQuery {
	return q.Where("? >= '-infinity'", column).Where("? < 'infinity'", column)
}

// everyID is the same for ids, which are hexadecimal.
func everyID(q *bun.SelectQuery, id schema.QueryAppender) *bun.SelectQuery {
	return q.Where("? >= ''", id).Where("? < 'g'", id)
}

// span is the filter with nothing but the range of what the page is sorted by.
func (p place) span(f Filter) Filter {
	return p.without(f.only(p.by.column))
}

// apply adds the filter's conditions to a page that is read by way of w: see [Filter.apply].
func (p place) apply(q *bun.SelectQuery, f Filter, w way) *bun.SelectQuery {
	f = p.without(f)
	if q.Dialect().Name() == dialect.PG && !w.equals() && !w.sorts() {
		q = p.ended(q, &f)
	}
	return f.apply(q, func(column string) bool { return w.finds(column, p.by) })
}

// ended takes the end at which the page ends out of the filter's range, and compares it as a row. Without statistics,
// PostgreSQL takes one row in 200 for in a range with two ends, and would sort what it takes for so few. It does not count
// a row as one of two ends.
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

// without leaves out the bound of a range behind which the page begins anyway: of two bounds
// SQLite takes any, and would pass over all rows between them.
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

// sorting is what a listing is sorted by, and how it stands in a page_id.
type sorting struct {
	// column is that of a conversation, tagColumn that of its tags.
	column, tagColumn string
	cursor            func(*Conversation) paging.Cursor
	tagCursor         func(*Tag) paging.Cursor
	key, tagKey       func(paging.Cursor) any
}

// byTime is from the beginning of all by a column that has times.
func byTime(column string) place {
	p := place{by: sortings[CreatedAt], direction: "ASC", after: ">"}
	if column == updatedColumn {
		p.by = sortings[UpdatedAt]
	}
	return p
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
