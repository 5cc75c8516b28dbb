package conversations

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule"
)

// MySQL and MariaDB are told which index has the order of a page, for they choose badly.
// Several indexes begin with the column of a filter. MariaDB takes any of them for that column
// alone. Then it goes over to the one that has the order, and forgets that it could begin
// where the page begins: it reads all that the index has before that.

// index is the index of conversations that has a page in its order, "" if none does. Of several
// filters the one counts that usually leaves the fewest.
func (f Filter) index(narrow string, by sorting) string {
	switch narrow {
	case titleColumn:
		return ""
	case "created_at", "updated_at":
		return indexName("conversations", narrow, "id")
	}
	for _, filter := range []struct {
		column string
		given  bool
	}{
		{"sandbox_id", f.SandboxID != ""},
		{statusColumn, f.Status != ""},
		{"public", f.Public},
		{"has_parent", f.TopLevel},
	} {
		columns := []string{filter.column, by.column, "id"}
		has := func(i dbmodule.Index) bool { return slices.Equal(i.Columns, columns) }
		if filter.given && slices.ContainsFunc((*Conversation)(nil).Indexes(), has) {
			return indexName("conversations", columns...)
		}
	}
	return indexName("conversations", by.column, "id")
}

// index is the index of tags that has the conversations with this one in their order.
func (f TagFilter) index(by sorting) string {
	if f.Value != nil {
		return indexName("conversation_tags", "name", "value", by.tagColumn, "conversation_id")
	}
	return indexName("conversation_tags", "name", by.tagColumn, "conversation_id")
}

// indexName is the name of an index that has none of its own: see [dbmodule.Index].
func indexName(table string, columns ...string) string {
	return "ix_" + table + "_" + strings.Join(columns, "_")
}
