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

// apply adds the conditions, those of tags excepted. Engines find rows by an index for those
// on columns that byIndex names; the others they look at in each row, for no index has what they compare.
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

// anyIndex leaves the choice to the engine.
func anyIndex(string) bool { return true }

// span is a range of times in a column, nil for an end that is open.
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

// each calls do with the bounds that there are.
func (s span) each(do func(comparison string, at time.Time)) {
	if s.from != nil {
		do(">=", *s.from)
	}
	if s.before != nil {
		do("<", *s.before)
	}
}

// Contains leaves rows whose column, a text that is folded, has text in it, whatever the case.
// MySQL and MariaDB would also take é for e.
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

// escapeLike makes text match itself in LIKE … ESCAPE '!'. The backslash will
// not do: engines disagree on it inside literals.
func escapeLike(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// Page lists up to limit conversations after pageID, "" for the first page, and
// returns the next page's id, "" after the last. A page_id of another listing,
// order or origin is a [wire.Invalid]. What no view shows of them is not read. A page ends
// earlier when its conversations reach [paging.MaxBytes]; it has one at least. They count in
// room, nil for none: where it has no room for them, nothing is returned, and room calls
// Page again.
func (s *Store) Page(
	ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, f Filter, order, pageID string, limit int,
) ([]*Conversation, string, error) {
	return s.pageWithout(ctx, db, room, unshown, f, order, pageID, limit)
}

// AppPage is [Store.Page] for [Conversation.AppInfo], which shows less of them.
func (s *Store) AppPage(
	ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, f Filter, order, pageID string, limit int,
) ([]*Conversation, string, error) {
	return s.pageWithout(ctx, db, room, unshownToApps, f, order, pageID, limit)
}

// pageWithout is Page without columns.
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

// gather reads conversations one by one, so that not all of them are in memory before it is
// known how large they are. It ends, and reports that there are more, before the one with which
// they would be more than limit, or than most bytes, unless that is the first.
func (s *Store) gather(
	ctx context.Context, db *dbmodule.Session, q *bun.SelectQuery, room *httpmodule.Room, limit, most int,
) (found []*Conversation, more bool, err error) {
	count, bytes := 0, 0
	err = s.compiled.rows.Each(ctx, db, q, func(row *Conversation) bool {
		size := row.size()
		if count == limit || count > 0 && bytes+size > most {
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

// pageAfter is the id of the page that begins after c.
func pageAfter(order string, c *Conversation) (string, error) {
	cursor := sortingOf(order).cursor(c)
	cursor.ID = c.ID
	return paging.Encode("conversations", order, cursor)
}

// pageQuery chooses a page by way of w. An index of [Conversation], or of [Tag] for those that
// have a tag, has each order wanted, also with a filter for equality, so that no page reads more
// than its rows and those between them that other conditions leave out; or all of few.
func pageQuery(q *bun.SelectQuery, f Filter, w way, p place, limit int) *bun.SelectQuery {
	q = p.begin(f, w, f.chosen(withoutMarked(q), w, p).Limit(int64(limit)+1))
	if p.cursor != nil {
		column, id, key := p.columns(w)
		// Spelled out, since MySQL finds no range in a comparison of rows. begin leaves nothing before the cursor's key; engines
		// that take the two conditions for independent take what is unequal to it for nearly all.
		q = q.Where("(? <> ? OR ? ? ?)", column, key(*p.cursor), id, bun.Safe(p.after), p.cursor.ID)
	}
	return q
}

// chosen leaves the conversations that the filter chooses, found by way of w.
func (f Filter) chosen(q *bun.SelectQuery, w way, p place) *bun.SelectQuery {
	q = p.apply(q, f, w)
	switch {
	case w.tag != nil:
		q = w.tag.first(q, p.by)
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

// Count counts the conversations that Page lists. It reads the index entries of all of
// them, or their rows.
func (*Store) Count(ctx context.Context, db *dbmodule.Session, f Filter) (int64, error) {
	all := db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("count(*)")
	if len(f.Tags) == 0 {
		all = f.apply(all, anyIndex)
	} else { // PostgreSQL would look for each row of a tag in all that have a status, as long as it has no statistics
		p, _ := placeOf(CreatedAt, "") // the first page is nowhere invalid
		w, err := f.way(ctx, db, p)
		if err != nil {
			return 0, err
		}
		all = p.closed(f.chosen(all, w, p), f, w)
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

// countMarked counts the conversations that match the filter and are being deleted. They are few, and
// are found by their status: to leave them out one by one, Count would have to read all rows.
func (f Filter) countMarked(db bun.IDB) *bun.SelectQuery {
	f.Status = deletionMark
	q := f.apply(db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("count(*)"), func(column string) bool { return column == statusColumn })
	for i := range f.Tags {
		q = f.Tags[i].probe(q)
	}
	return q
}
