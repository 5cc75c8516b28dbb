package conversations

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/openhands-go/server/app/wire"
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

// usual is the way if no condition is known to leave few. Its index has the order of the page.
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

// candidates are the conditions that may leave few, the usual way first; none if there is only
// that. Most conversations are at the top level, and a range of what the page is sorted by is where it
// begins and ends anyway.
func (f Filter) candidates(by sorting) []way {
	usual := f.usual()
	var others []way
	if f.Status != "" {
		others = append(others, way{column: statusColumn})
	}
	if f.Public {
		others = append(others, way{column: publicColumn})
	}
	for _, s := range f.spans() {
		if s.column != by.column {
			others = append(others, way{column: s.column})
		}
	}
	for i := range f.Tags {
		others = append(others, way{tag: &f.Tags[i]})
	}
	others = slices.DeleteFunc(others, func(w way) bool { return w == usual })
	if len(others) == 0 || usual == (way{}) || usual.column == parentColumn {
		return others
	}
	return append([]way{usual}, others...)
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
	// fewEqual are so few with a status, a tag and the like that it is worth to read them rather than
	// those of another condition. To look for more of them would cost more than most pages do.
	fewEqual = 200
	// fewInRange is the same for a range of times, which else is passed over in another order.
	fewInRange = 1000
	// fewTitles is the same for titles, of which one in the middle of others takes longer to find.
	fewTitles = 10_000
)

// way chooses: of several conditions the first that leaves few; else the usual one. To see
// whether a condition leaves few takes so many entries of its index.
func (f Filter) way(ctx context.Context, db bun.IDB, by sorting) (way, error) {
	few := func(rows *bun.SelectQuery, most int) (bool, error) {
		var n int
		err := db.NewSelect().TableExpr("(?) AS chosen", rows.Limit(int64(most)+1)).ColumnExpr("count(*)").Scan(ctx, &n)
		if err != nil {
			return false, fmt.Errorf("conversations: look for few: %w", err)
		}
		return n <= most, nil
	}
	for _, w := range f.candidates(by) {
		most := fewEqual
		if w.sorts() {
			most = fewInRange
		}
		if ok, err := few(f.left(db, w, by), most); err != nil || ok {
			return w, err
		}
	}
	if f.TitleContains != "" && f.SandboxID == "" {
		if ok, err := few(f.titled(db), fewTitles); err != nil || ok {
			return way{column: titleColumn}, err
		}
	}
	return f.usual(), nil
}

// left are the rows that the condition of a way leaves, in the order of its index: without an
// order, PostgreSQL looks for the first ones in all rows if it takes them for many.
func (f Filter) left(db bun.IDB, w way, by sorting) *bun.SelectQuery {
	q := db.NewSelect().ColumnExpr("1")
	if w.tag != nil {
		return w.tag.here(q.TableExpr("?", w.tag.table(q, by))).OrderExpr("tag.?, tag.conversation_id", bun.Ident(by.tagColumn))
	}
	column := by.column
	if w.sorts() {
		column = w.column
	}
	q = q.Model((*Conversation)(nil)).ForceIndex(w.index(by)).OrderExpr("conversation.?, conversation.id", bun.Ident(column))
	return f.only(w.column).apply(q, anyIndex)
}

// titled are the conversations with a title that has the text in its beginning, and those
// whose title has more than that: what an index tells without the rows.
func (f Filter) titled(db bun.IDB) *bun.SelectQuery {
	const sort = "conversation.title_sort LIKE ? ESCAPE '!'"
	return db.NewSelect().Model((*Conversation)(nil)).Column("id").
		Where("("+sort+" OR "+sort+")", "%"+escapeLike(wire.Fold(f.TitleContains))+"%", strings.Repeat("_", maxTitle)+"%")
}

// closed gives PostgreSQL both ends of the range that is the way: it takes a range with one end
// for a third of all rows, and one with two for few, as long as it has no statistics.
func (f Filter) closed(q *bun.SelectQuery, w way) *bun.SelectQuery {
	if q.Dialect().Name() != dialect.PG {
		return q
	}
	for _, s := range f.only(w.column).spans() {
		if s.from == nil {
			q = q.Where("conversation.? >= '-infinity'", bun.Ident(s.column))
		}
		if s.before == nil {
			q = q.Where("conversation.? < 'infinity'", bun.Ident(s.column))
		}
	}
	return q
}
