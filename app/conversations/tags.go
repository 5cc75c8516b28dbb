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

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

// Tag is a row of conversation_tags: one tag of a conversation, so that conversations are
// found by it. The conversation's own column has all of them.
type Tag struct {
	bun.BaseModel `bun:"table:conversation_tags,alias:tag"`

	ConversationID string `bun:"conversation_id,pk,type:varchar(36) collate utf8mb4_bin"`
	Name           string `bun:"name,pk,type:varchar(255) collate utf8mb4_bin"`
	Value          string `bun:"value,notnull,type:varchar(256) collate utf8mb4_bin"`

	Conversation *Conversation `bun:"rel:belongs-to,join:conversation_id=id,on_delete:CASCADE"`
}

// Indexes find conversations by a tag.
func (*Tag) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"name", "value", "conversation_id"}}}
}

// writeTags writes the rows of a conversation's tags anew.
func (*Store) writeTags(ctx context.Context, db bun.IDB, c *Conversation) error {
	if _, err := db.NewDelete().Model((*Tag)(nil)).Where("conversation_id = ?", c.ID).Exec(ctx); err != nil {
		return fmt.Errorf("conversations: tag %s: %w", c.ID, err)
	}
	var rows []*Tag
	for name, value := range c.tags() {
		rows = append(rows, &Tag{ConversationID: c.ID, Name: name, Value: value})
	}
	slices.SortFunc(rows, func(a, b *Tag) int { return cmp.Compare(a.Name, b.Name) })
	for part := range slices.Chunk(rows, 200) {
		if _, err := db.NewInsert().Model(&part).Returning("NULL").Exec(ctx); err != nil {
			return fmt.Errorf("conversations: tag %s: %w", c.ID, err)
		}
	}
	return nil
}

// mergedTags are the tags that c has and those that are told, which win.
func (c *Conversation) mergedTags(told []byte) []byte {
	var more map[string]string
	if json.Unmarshal(told, &more) != nil {
		return told
	}
	tags := c.tags()
	maps.Copy(tags, more)
	text, err := json.Marshal(tags)
	if err != nil {
		return told
	}
	return text
}

// TagFilter is a tag that conversations have: of this name, and of this value if it has one.
type TagFilter struct {
	Name  string
	Value *string
}

// ParseTags reads a query's parameter of that name: each value is a tag's name, name:value,
// name=value, or a JSON object of tags. All of them are meant.
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

// apply leaves the conversations that have the tag.
func (f TagFilter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	if f.Value == nil {
		return q.Where("conversation.id IN (SELECT tag.conversation_id FROM conversation_tags AS tag WHERE tag.name = ?)", f.Name)
	}
	return q.Where("conversation.id IN (SELECT tag.conversation_id FROM conversation_tags AS tag WHERE tag.name = ? AND tag.value = ?)", f.Name, *f.Value)
}
