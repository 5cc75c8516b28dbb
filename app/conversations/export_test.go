package conversations

import "github.com/uptrace/bun"

// PageQuery is pageQuery.
func PageQuery(q *bun.SelectQuery, f Filter, narrow, order, pageID string, limit int) (*bun.SelectQuery, error) {
	return pageQuery(q, f, narrow, order, pageID, limit)
}
