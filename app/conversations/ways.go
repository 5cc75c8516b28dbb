package conversations

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/dbmodule"
)

// way is the condition of a filter by whose index a page is read: that on a column of
// conversations, or a tag. Its zero value is none: the index of what the page is sorted by.
//
// Other conditions are looked at in each row that is read. So it matters which one is the way, and
// engines choose badly: SQLite does not know how many rows a condition leaves, MariaDB takes any index
// that begins with a column of a condition, and PostgreSQL guesses where it has no statistics
// yet. Therefore the way is chosen here, by one rule for all engines ([Filter.way]), and they are
// told: only the way's condition is written so that an index can be used for it.
type way struct {
	column string
	tag    *TagFilter
}

// Columns of conversations that are ways.
const (
	createdColumn = "created_at"
	updatedColumn = "updated_at"
	titleColumn   = "title_sort"
	statusColumn  = "execution_status"
	sandboxColumn = "sandbox_id"
	publicColumn  = "public"
	parentColumn  = "has_parent"
)

// sorts says that the way's index does not have the order of the page: what it leaves is few,
// and is sorted.
func (w way) sorts() bool {
	return w.column == createdColumn || w.column == updatedColumn || w.column == titleColumn
}

// equals says that the way's condition is for equality with one of many values.
func (w way) equals() bool {
	return w.tag != nil || w.column == statusColumn || w.column == sandboxColumn
}

// finds says that an index may be used for conditions on the column of conversations.
func (w way) finds(column string, by sorting) bool {
	return column == w.column || column == by.column && !w.sorts() && w.tag == nil
}

// index is the index of the way, "" if there is none.
func (w way) index(by sorting) string {
	switch {
	case w.tag != nil && w.tag.Value != nil:
		return indexName("conversation_tags", "name", "value", by.tagColumn, "conversation_id")
	case w.tag != nil:
		return indexName("conversation_tags", "name", by.tagColumn, "conversation_id")
	case w.column == titleColumn:
		return ""
	case w.sorts():
		return indexName("conversations", w.column, "id")
	}
	columns := []string{w.column, by.column, "id"}
	has := func(i dbmodule.Index) bool { return slices.Equal(i.Columns, columns) }
	if w.column != "" && slices.ContainsFunc((*Conversation)(nil).Indexes(), has) {
		return indexName("conversations", columns...)
	}
	return indexName("conversations", by.column, "id")
}

// indexName is the name of an index that has none of its own: see [dbmodule.Index].
func indexName(table string, columns ...string) string {
	return "ix_" + table + "_" + strings.Join(columns, "_")
}

// usual is the way if there is nothing to choose between. Its index has the order of the page.
func (f Filter) usual() way {
	switch {
	case f.SandboxID != "":
		return way{column: sandboxColumn}
	case len(f.Tags) > 0:
		return way{tag: &f.Tags[0]}
	case f.Status != "":
		return way{column: statusColumn}
	case f.Public:
		return way{column: publicColumn}
	case f.TopLevel:
		return way{column: parentColumn}
	}
	return way{}
}

// equal are the ways by what conversations have, the usual one first: each has an index in the order of the
// page. Most conversations are at the top level: that is no way beside others.
func (f Filter) equal() []way {
	var ways []way
	if f.SandboxID != "" {
		ways = append(ways, way{column: sandboxColumn})
	}
	for i := range f.Tags {
		ways = append(ways, way{tag: &f.Tags[i]})
	}
	if f.Status != "" {
		ways = append(ways, way{column: statusColumn})
	}
	if f.Public {
		ways = append(ways, way{column: publicColumn})
	}
	return ways
}

// ranges are the ways by ranges of times that the page is not sorted by. A range of what it is sorted by
// is where the page begins and ends anyway.
func (f Filter) ranges(by sorting) []way {
	var ways []way
	for _, s := range f.spans() {
		if s.column != by.column {
			ways = append(ways, way{column: s.column})
		}
	}
	return ways
}

// only is the filter with nothing but the conditions on a column that a way has.
func (f Filter) only(column string) Filter {
	switch column {
	case statusColumn:
		return Filter{Status: f.Status}
	case sandboxColumn:
		return Filter{SandboxID: f.SandboxID}
	case publicColumn:
		return Filter{Public: f.Public}
	case createdColumn:
		return Filter{CreatedFrom: f.CreatedFrom, Created: f.Created}
	case updatedColumn:
		return Filter{UpdatedFrom: f.UpdatedFrom, Updated: f.Updated}
	}
	return Filter{}
}

const (
	// near is how many entries of an index are looked at to see how far they reach: as many as a page has, if its client
	// does not say how many.
	near = 20
	// fewInRange is so few in a range of times that they are read and sorted, rather than passed over in
	// another order.
	fewInRange = 1000
	// fewTitles is the same for titles, of which one in the middle of others takes longer to find.
	fewTitles = 10_000
)

// way chooses how the page at p is read. Of conditions that each have an index in its order, it is that whose next
// entries reach farthest: it leaves the fewest there. A range of other times comes before, if few are in
// it, and before a condition that more than near have from there on; and so do titles.
func (f Filter) way(ctx context.Context, db bun.IDB, p place) (way, error) {
	chosen, ways, ranges := f.usual(), f.equal(), f.ranges(p.by)
	if len(ways) > 1 || len(ways) == 1 && len(ranges) > 0 {
		farthest, first := paging.Cursor{}, true
		for _, w := range ways {
			reached, more, err := f.reach(ctx, db, w, p, near)
			if err != nil || !more {
				return w, err
			}
			if first || p.behind(reached, farthest) {
				chosen, farthest, first = w, reached, false
			}
		}
	}
	for _, w := range ranges {
		_, more, err := f.reach(ctx, db, w, byTime(w.column), fewInRange)
		if err != nil || !more {
			return w, err
		}
	}
	if f.TitleContains != "" && f.SandboxID == "" {
		found, err := db.NewSelect().TableExpr("(?) AS chosen", f.titled(db).Limit(fewTitles+1)).Count(ctx)
		if err != nil {
			return way{}, fmt.Errorf("conversations: look for few titles: %w", err)
		}
		if found <= fewTitles {
			return way{column: titleColumn}, nil
		}
	}
	return chosen, nil
}

// reach is the sort key and the id of the entry that comes after the next n in the way's index, if there are more than
// n. Of the filter, only what that index tells counts.
func (f Filter) reach(ctx context.Context, db bun.IDB, w way, p place, n int64) (key paging.Cursor, more bool, err error) {
	var rows []*Conversation
	var tags []*Tag
	q := db.NewSelect()
	if w.tag != nil {
		q = w.tag.here(q.Model(&tags).ModelTableExpr("?", w.tag.table(q, p.by)).Column(p.by.tagColumn, "conversation_id"))
	} else {
		q = q.Model(&rows).Column(p.by.column, "id").ForceIndex(w.index(p.by))
		q = f.only(w.column).apply(q, anyIndex)
		if w.column != p.by.column {
			q = p.apply(q, p.span(f), w)
		}
	}
	if err := p.begin(f, w, q).Offset(n).Limit(1).Scan(ctx); err != nil {
		return key, false, fmt.Errorf("conversations: look how far a condition reaches: %w", err)
	}
	switch {
	case len(rows) > 0:
		key = p.by.cursor(rows[0])
		key.ID = rows[0].ID
	case len(tags) > 0:
		key = p.by.tagCursor(tags[0])
		key.ID = tags[0].ConversationID
	default:
		return key, false, nil
	}
	return key, true, nil
}

// titled are the conversations with a title that has the text in its beginning, and those
// whose title has more than that: what an index tells without the rows.
func (f Filter) titled(db bun.IDB) *bun.SelectQuery {
	const sort = "conversation.title_sort"
	return db.NewSelect().Model((*Conversation)(nil)).Column("id").
		Where("(? OR ? LIKE ?)", contains(db.Dialect().Name(), sort, f.TitleContains), bun.Safe(sort), strings.Repeat("_", maxTitle)+"%")
}
