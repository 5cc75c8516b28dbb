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
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
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

// Filter selects conversations. The zero value selects all.
type Filter struct {
	Status string
	// TitleContains selects titles that contain a text, without regard to case. The engine reads
	// titles in an index; if few match, it reads all of them.
	TitleContains        string
	SandboxID            string
	CreatedFrom, Created *time.Time // at or after; before
	UpdatedFrom, Updated *time.Time // at or after; before
	// Tags selects conversations that have all of these tags.
	Tags []TagFilter
	// Public selects conversations that anybody may read.
	Public bool
	// TopLevel selects conversations without a parent.
	TopLevel bool
}

// apply adds the conditions, except those on tags. For columns that byIndex accepts, the condition is written
// so that the engine can use an index. Other conditions are written as (…) IS TRUE, for which no engine uses
// an index: it checks them in each row that it reads.
func (f Filter) apply(q *bun.SelectQuery, byIndex func(column string) bool) *bun.SelectQuery {
	where := func(column, comparison string, value any) {
		condition := "conversation.? ? ?"
		if !byIndex(column) {
			condition = "(conversation.? ? ?) IS TRUE"
		}
		q = q.Where(condition, bun.Ident(column), bun.Safe(comparison), value)
	}
	if f.Status != "" {
		where(statusColumn, "=", f.Status)
	}
	if f.TitleContains != "" {
		q = Contains(q, "conversation.title_folded", f.TitleContains)
	}
	if f.SandboxID != "" {
		where(sandboxColumn, "=", f.SandboxID)
	}
	if f.TopLevel {
		where(parentColumn, "=", false)
	}
	if f.Public {
		where(publicColumn, "=", true)
	}
	for _, s := range f.spans() {
		s.each(func(comparison string, at time.Time) { where(s.column, comparison, at) })
	}
	return q
}

// anyIndex lets the engine use any index.
func anyIndex(string) bool { return true }

// span is a range of times in a column. An open end is nil.
type span struct {
	column       string
	from, before *time.Time
}

func (f Filter) spans() []span {
	var spans []span
	for _, s := range []span{{createdColumn, f.CreatedFrom, f.Created}, {updatedColumn, f.UpdatedFrom, f.Updated}} {
		if s.from != nil || s.before != nil {
			spans = append(spans, s)
		}
	}
	return spans
}

// each calls do for each end that is not open.
func (s span) each(do func(comparison string, at time.Time)) {
	if s.from != nil {
		do(">=", *s.from)
	}
	if s.before != nil {
		do("<", *s.before)
	}
}

// Contains adds the condition that a column of folded text contains text, without regard to case. On MySQL
// and MariaDB a binary collation is needed, or é would match e.
func Contains(q *bun.SelectQuery, column, text string) *bun.SelectQuery {
	if q.Dialect().Name() == dialect.MySQL {
		column += " COLLATE utf8mb4_bin"
	}
	return q.Where("?", contains(q.Dialect().Name(), column, text))
}

// contains is the condition of [Contains]. SQLite's LIKE takes no pattern above 50,000 bytes.
func contains(engine dialect.Name, column, text string) schema.QueryAppender {
	text = wire.Fold(text)
	if engine == dialect.SQLite {
		return bun.SafeQuery("instr(?, ?) > 0", bun.Safe(column), text)
	}
	return bun.SafeQuery("? LIKE ? ESCAPE '!'", bun.Safe(column), "%"+escapeLike(text)+"%")
}

// escapeLike escapes text for LIKE … ESCAPE '!'. It does not use the backslash, which has a different meaning
// in the engines' literals.
func escapeLike(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// Page returns up to limit conversations, and the next page's id, "" on the last page. pageID is "" for the
// first page; a page_id of another listing or order is a [wire.Invalid]. Columns that no view shows are not
// read. A page has fewer conversations if they would be larger than [paging.MaxBytes], but at least one. Page
// adds their sizes to room; if there is no room, it returns none, and [httpmodule.Room.Read] calls it again.
func (s *Store) Page(
	ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, f Filter, order, pageID string, limit int,
) ([]*Conversation, string, error) {
	return s.pageWithout(ctx, db, room, unshown, f, order, pageID, limit)
}

// AppPage is [Store.Page] for [Conversation.AppInfo], which needs fewer columns.
func (s *Store) AppPage(
	ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, f Filter, order, pageID string, limit int,
) ([]*Conversation, string, error) {
	return s.pageWithout(ctx, db, room, unshownToApps, f, order, pageID, limit)
}

// pageWithout is Page without these columns.
func (s *Store) pageWithout(
	ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, columns []string, f Filter, order, pageID string, limit int,
) ([]*Conversation, string, error) {
	p, err := placeOf(order, pageID)
	if err != nil {
		return nil, "", err
	}
	w, err := f.way(ctx, db, p)
	if err != nil {
		return nil, "", err
	}
	q := pageQuery(db.NewSelect().Model((*Conversation)(nil)).ExcludeColumn(columns...), f, w, p, limit)
	rows, more, err := s.gather(ctx, db, q, room, limit, paging.MaxBytes)
	if err != nil {
		return nil, "", fmt.Errorf("conversations: list: %w", err)
	}
	if !more || len(rows) == 0 {
		return rows, "", nil
	}
	next, err := pageAfter(order, rows[len(rows)-1])
	return rows, next, err
}

// gather reads conversations one by one, so that it knows their size before all are in memory. It stops
// before the conversation that would exceed limit or maxBytes, except the first one, and then reports that
// there are more.
func (s *Store) gather(
	ctx context.Context, db *dbmodule.Session, q *bun.SelectQuery, room *httpmodule.Room, limit, maxBytes int,
) (found []*Conversation, more bool, err error) {
	count, bytes := 0, 0
	err = s.compiled.rows.Each(ctx, db, q, func(row *Conversation) bool {
		size := row.size()
		if count == limit || count > 0 && bytes+size > maxBytes {
			more = true
			return false
		}
		count, bytes = count+1, bytes+size
		if !room.Add(size) {
			found = nil
			return true
		}
		kept := *row
		found = append(found, &kept)
		return true
	})
	return found, more, err
}

// pageAfter returns the id of the page that begins after c.
func pageAfter(order string, c *Conversation) (string, error) {
	cursor := sortingOf(order).cursor(c)
	cursor.ID = c.ID
	return paging.Encode("conversations", order, cursor)
}

// pageQuery is the query of a page by access path w. For each order there is an index of [Conversation], or of
// [Tag], also after a column of a filter for equality. So a page reads only its own rows, and the rows between
// them that other conditions leave out. Only an access path whose rows are few reads and sorts all of them.
func pageQuery(q *bun.SelectQuery, f Filter, w way, p place, limit int) *bun.SelectQuery {
	q = p.begin(f, w, f.selected(withoutMarked(q), w, p).Limit(int64(limit)+1))
	if p.cursor != nil {
		column, id, key := p.columns(w)
		// This is (column, id) after (key, cursor.ID). It is written out, because MySQL uses no range of an
		// index for a comparison of rows. begin has excluded the rows before the key, so <> is enough here; and
		// engines, which estimate both conditions independently, expect that <> excludes nearly nothing.
		q = q.Where("(? <> ? OR ? ? ?)", column, key(*p.cursor), id, bun.Safe(p.after), p.cursor.ID)
	}
	return q
}

// selected adds the filter's conditions, so that the engine reads by access path w.
func (f Filter) selected(q *bun.SelectQuery, w way, p place) *bun.SelectQuery {
	q = p.apply(q, f, w)
	switch {
	case w.tag != nil:
		q = w.tag.joinFirst(q, p.by)
	case w.column == titleColumn:
		q = q.ModelTableExpr("(?) AS found CROSS JOIN conversations AS conversation", f.titled(q.DB())).Where("conversation.id = found.id")
	default:
		q = q.ForceIndex(w.index(p.by))
	}
	for i := range f.Tags {
		if w.tag != &f.Tags[i] {
			q = f.Tags[i].probe(q)
		}
	}
	return q
}

// Count returns how many conversations all pages of Page have. It reads the index entries or the rows of all
// of them.
func (*Store) Count(ctx context.Context, db *dbmodule.Session, f Filter) (int64, error) {
	all := db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("count(*)")
	if len(f.Tags) == 0 {
		all = f.apply(all, anyIndex)
	} else { // choose the access path: without statistics, PostgreSQL would scan all rows with the status for each row of a tag
		p, _ := placeOf(CreatedAt, "") // the first page is always valid
		w, err := f.way(ctx, db, p)
		if err != nil {
			return 0, err
		}
		all = p.closed(f.selected(all, w, p), f, w)
	}
	q := all
	if f.Status == "" {
		q = db.NewSelect().ColumnExpr("(?) - (?)", all, f.countMarked(db))
	}
	var n int64
	if err := q.Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("conversations: count: %w", err)
	}
	return n, nil
}

// countMarked is the number of conversations that match the filter and are being deleted. They are few, and the
// index on the status finds them: to leave them out, Count would have to read every row's status.
func (f Filter) countMarked(db bun.IDB) *bun.SelectQuery {
	f.Status = deletionMark
	q := f.apply(db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("count(*)"), func(column string) bool { return column == statusColumn })
	for i := range f.Tags {
		q = f.Tags[i].probe(q)
	}
	return q
}
