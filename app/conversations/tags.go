package conversations

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

// Tag is a row of conversation_tags: one tag of a conversation, for listings by tag. The conversation's column
// tags has all of its tags too.
type Tag struct {
	bun.BaseModel `bun:"table:conversation_tags,alias:tag"`

	ConversationID string `bun:"conversation_id,pk,type:varchar(36) collate utf8mb4_bin"`
	Name           string `bun:"name,pk,type:varchar(255) collate utf8mb4_bin"`
	Value          string `bun:"value,notnull,type:varchar(256) collate utf8mb4_bin"`

	// CreatedMicros, UpdatedMicros and TitleSort are copies of the conversation's sort keys, for
	// indexes on a tag and a sort key.
	CreatedMicros int64  `bun:"created_micros,notnull,default:0"`
	UpdatedMicros int64  `bun:"updated_micros,notnull,default:0"`
	TitleSort     string `bun:"title_sort,notnull,default:'',type:varchar(200) collate utf8mb4_bin"`

	Conversation *Conversation `bun:"rel:belongs-to,join:conversation_id=id,on_delete:CASCADE"`
}

// Indexes returns an index for each order, after the tag's name, and after its name and value.
func (*Tag) Indexes() []dbmodule.Index {
	var indexes []dbmodule.Index
	for _, sorted := range []string{"created_micros", "updated_micros", "title_sort"} {
		indexes = append(indexes,
			dbmodule.Index{Columns: []string{"name", "value", sorted, "conversation_id"}},
			dbmodule.Index{Columns: []string{"name", sorted, "conversation_id"}})
	}
	return indexes
}

// sortTags copies a conversation's sort keys to its tags.
func (*Store) sortTags(ctx context.Context, db *dbmodule.Session, c *Conversation) error {
	if c.Tags == "{}" {
		return nil
	}
	_, err := db.NewUpdate().Model((*Tag)(nil)).Where("conversation_id = ?", c.ID).
		Set("created_micros = ?", c.CreatedAt.UnixMicro()).Set("updated_micros = ?", c.UpdatedAt.UnixMicro()).
		Set("title_sort = ?", c.TitleSort).Exec(ctx)
	if err != nil {
		return fmt.Errorf("conversations: sort tags of %s: %w", c.ID, err)
	}
	return nil
}

// writeTags replaces the rows of a conversation's tags.
func (*Store) writeTags(ctx context.Context, db *dbmodule.Session, c *Conversation) error {
	if _, err := db.NewDelete().Model((*Tag)(nil)).Where("conversation_id = ?", c.ID).Exec(ctx); err != nil {
		return fmt.Errorf("conversations: tag %s: %w", c.ID, err)
	}
	for part := range slices.Chunk(c.tagRows(), 200) {
		if _, err := db.NewInsert().Model(&part).Returning("NULL").Exec(ctx); err != nil {
			return fmt.Errorf("conversations: tag %s: %w", c.ID, err)
		}
	}
	return nil
}

// tagRows returns the rows of c's tags, in the order of their names. A name that is too long for the column, which
// only builds before this one accepted, has no row.
func (c *Conversation) tagRows() (rows []*Tag) {
	for name, value := range c.tags() {
		if len(name) > maxName {
			continue
		}
		rows = append(rows, &Tag{
			ConversationID: c.ID, Name: name, Value: value,
			CreatedMicros: c.CreatedAt.UnixMicro(), UpdatedMicros: c.UpdatedAt.UnixMicro(), TitleSort: c.TitleSort,
		})
	}
	slices.SortFunc(rows, func(a, b *Tag) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

// mergeTags returns the tags of before with those of pushed, which win.
func mergeTags(before, pushed []byte) []byte {
	var more map[string]string
	if json.Unmarshal(pushed, &more) != nil {
		return pushed
	}
	tags := readTags(string(before))
	maps.Copy(tags, more)
	text, err := json.Marshal(tags)
	if err != nil {
		return pushed
	}
	return text
}

// TagFilter selects conversations that have a tag with this name and, unless Value is nil, this value.
type TagFilter struct {
	Name  string
	Value *string
}

// ParseTags parses a repeated query parameter of that name. Each value is a tag's name, name:value, name=value,
// or a JSON object of tags. A conversation must have all of them.
func ParseTags(values []string, parameter string) ([]TagFilter, error) {
	var filters []TagFilter
	for i, value := range values {
		if strings.HasPrefix(value, "{") {
			var tags map[string]string
			if json.Unmarshal([]byte(value), &tags) != nil {
				return nil, wire.NewInvalid("tag", "Input should be a JSON object of texts", "query", parameter, i)
			}
			for _, name := range slices.Sorted(maps.Keys(tags)) {
				value := tags[name]
				filters = append(filters, TagFilter{Name: name, Value: &value})
			}
			continue
		}
		f := TagFilter{Name: value}
		if at := strings.IndexAny(value, ":="); at >= 0 {
			rest := value[at+1:]
			f.Name, f.Value = value[:at], &rest
		}
		filters = append(filters, f)
	}
	for _, f := range filters {
		if !tagKey.MatchString(f.Name) || f.Value != nil && wire.CheckText(*f.Value, 0) != nil {
			return nil, wire.NewInvalid("tag", "Input should be a tag's name, of a-z and 0-9, or name:value", "query", parameter)
		}
	}
	return filters, nil
}

// where adds the conditions on conversation_tags AS tag.
func (f TagFilter) where(q *bun.SelectQuery) *bun.SelectQuery {
	q = q.Where("tag.name = ?", f.Name)
	if f.Value != nil {
		q = q.Where("tag.value = ?", *f.Value)
	}
	return q
}

// table returns the table of tags. MySQL and MariaDB are forced to use the index that has the tag's
// conversations in order.
func (f TagFilter) table(q *bun.SelectQuery, by sorting) schema.QueryAppender {
	if q.Dialect().Name() == dialect.MySQL {
		return bun.SafeQuery("conversation_tags AS tag FORCE INDEX (?)", bun.Ident(way{tag: &f}.index(by)))
	}
	return bun.Safe("conversation_tags AS tag")
}

// joinFirst makes the engine read the tag's rows first, in order, and join their conversations.
func (f TagFilter) joinFirst(q *bun.SelectQuery, by sorting) *bun.SelectQuery {
	join := "CROSS JOIN"
	if q.Dialect().Name() == dialect.MySQL {
		join = "STRAIGHT_JOIN"
	}
	q = q.ModelTableExpr("? ? conversations AS conversation", f.table(q, by), bun.Safe(join))
	return f.where(q.Where("conversation.id = tag.conversation_id"))
}

// probe adds the condition that a conversation has the tag, as a subquery that the engine runs for each row. It
// is not EXISTS, which engines turn into a join that may read all rows of the tag first. The value is compared
// by IS TRUE, so that the engine uses the primary key and not an index on the value. The subquery is compared
// by IS NOT NULL, which PostgreSQL estimates to be true for nearly all rows.
func (f TagFilter) probe(q *bun.SelectQuery) *bun.SelectQuery {
	row := q.NewSelect().TableExpr("conversation_tags AS tag").Where("tag.conversation_id = conversation.id").Where("tag.name = ?", f.Name)
	if f.Value != nil {
		row = row.Where("(tag.value = ?) IS TRUE", *f.Value)
	}
	return q.Where("(?) IS NOT NULL", row.ColumnExpr("tag.name"))
}
