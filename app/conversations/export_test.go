package conversations

import "github.com/uptrace/bun"

// PageQuery is pageQuery.
func PageQuery(q *bun.SelectQuery, f Filter, order, pageID string, limit int) (*bun.SelectQuery, error) {
	return pageQuery(q, f, "", order, pageID, limit)
}
