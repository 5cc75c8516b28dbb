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

// way is the access path of a page: the condition whose index the engine reads. It is a condition on a column of
// conversations, or on a tag. The zero value is the index of the page's order.
//
// The engine checks the other conditions in each row that it reads. So the choice matters, and engines choose
// badly: SQLite does not know how many rows a condition selects, MariaDB takes any index that begins with a
// column of a condition, and PostgreSQL guesses while it has no statistics. Therefore [Filter.way] chooses the
// access path, by one rule for all engines, and only its condition is written so that an index can be used.
type way struct {
	column string
	tag    *TagFilter
}

// Columns of conversations that can be access paths.
const (
	createdColumn = "created_at"
	updatedColumn = "updated_at"
	titleColumn   = "title_sort"
	statusColumn  = "execution_status"
	sandboxColumn = "sandbox_id"
	publicColumn  = "public"
	parentColumn  = "has_parent"
)

// sorts reports whether the access path's index does not have the page's order. Its rows are few, and the engine
// sorts them.
func (w way) sorts() bool {
	return w.column == createdColumn || w.column == updatedColumn || w.column == titleColumn
}

// equals reports whether the access path's condition is an equality on a column with many values.
func (w way) equals() bool {
	return w.tag != nil || w.column == statusColumn || w.column == sandboxColumn
}

// finds reports whether the engine may use an index for conditions on this column.
func (w way) finds(column string, by sorting) bool {
	return column == w.column || column == by.column && !w.sorts() && w.tag == nil
}

// index returns the name of the access path's index, or "".
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

// indexName returns the default name of an index: see [dbmodule.Index].
func indexName(table string, columns ...string) string {
	return "ix_" + table + "_" + strings.Join(columns, "_")
}

// firstWay returns the access path if there is no choice. Its index has the page's order.
func (f Filter) firstWay() way {
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

// equalities returns the access paths of conditions for equality. Each has an index with the page's order.
// TopLevel is not among them, because most conversations are at the top level.
func (f Filter) equalities() []way {
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

// ranges returns the access paths of ranges of times, except the range of the page's sort key, which limits the
// page on every access path.
func (f Filter) ranges(by sorting) []way {
	var ways []way
	for _, s := range f.spans() {
		if s.column != by.column {
			ways = append(ways, way{column: s.column})
		}
	}
	return ways
}

// only returns a filter with only the condition on this column.
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
	// probeDepth is how many entries of an index are read to estimate how selective a condition is.
	probeDepth = 20
	// fewInRange is up to how many rows of a range of times are read and sorted, instead of reading
	// in the page's order and skipping the rows outside of the range.
	fewInRange = 1000
	// fewTitles is the same for matching titles.
	fewTitles = 10_000
)

// way chooses the access path of the page at p. Among the equalities it takes the one whose next probeDepth index
// entries reach farthest in the page's order: that condition selects the fewest rows there. An equality with at
// most probeDepth entries left is taken at once. Otherwise, a range of another time with at most fewInRange rows,
// or at most fewTitles matching titles, is better.
func (f Filter) way(ctx context.Context, db bun.IDB, p place) (way, error) {
	chosen, ways, ranges := f.firstWay(), f.equalities(), f.ranges(p.by)
	if len(ways) > 1 || len(ways) == 1 && len(ranges) > 0 {
		farthest, first := paging.Cursor{}, true
		for _, w := range ways {
			reached, more, err := f.reach(ctx, db, w, p, probeDepth)
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
			return way{}, fmt.Errorf("conversations: count matching titles: %w", err)
		}
		if found <= fewTitles {
			return way{column: titleColumn}, nil
		}
	}
	return chosen, nil
}

// reach returns the sort key and the id of the entry after the next n entries of the access path's index, and
// whether there are more than n. It uses only conditions of the filter that this index contains.
func (f Filter) reach(ctx context.Context, db bun.IDB, w way, p place, n int64) (key paging.Cursor, more bool, err error) {
	var rows []*Conversation
	var tags []*Tag
	q := db.NewSelect()
	if w.tag != nil {
		q = w.tag.where(q.Model(&tags).ModelTableExpr("?", w.tag.table(q, p.by)).Column(p.by.tagColumn, "conversation_id"))
	} else {
		q = q.Model(&rows).Column(p.by.column, "id").ForceIndex(w.index(p.by))
		q = f.only(w.column).apply(q, anyIndex)
		if w.column != p.by.column {
			q = p.apply(q, p.span(f), w)
		}
	}
	if err := p.begin(f, w, q).Offset(n).Limit(1).Scan(ctx); err != nil {
		return key, false, fmt.Errorf("conversations: probe an index: %w", err)
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

// titled returns the conversations whose title may contain the text: those whose title_sort contains it, and
// those whose title is longer than title_sort. An index answers this without reading rows.
func (f Filter) titled(db bun.IDB) *bun.SelectQuery {
	const sort = "conversation.title_sort"
	return db.NewSelect().Model((*Conversation)(nil)).Column("id").
		Where("(? OR ? LIKE ?)", contains(db.Dialect().Name(), sort, f.TitleContains), bun.Safe(sort), strings.Repeat("_", maxTitle)+"%")
}
