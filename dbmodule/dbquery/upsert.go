// Package dbquery has queries that many programs need, the same on every engine: upserts, and
// updates of a row that fail if somebody else changed the row meanwhile.
package dbquery

import (
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// Upsert makes an INSERT that updates the existing row if there is one with the same values in the
// conflict columns. The conflict columns must be the primary key or have a unique index. update
// names the columns that get the inserted values; without any, the existing row stays unchanged.
//
//	dbquery.Upsert(s.NewInsert().Model(book), []string{"isbn"}, "title", "copies").Exec(ctx)
//
// MySQL and MariaDB ignore the conflict columns: there a row with the same value of
// any unique key is updated. For more than a plain assignment, use Set:
//
//	Upsert(…).Set("times = book.times + 1") // by the table's alias, or on MySQL without one
//
// The number of rows in the result differs between engines. If the database generates the id, the
// model gets the existing row's id on SQLite and PostgreSQL only.
func Upsert(query *bun.InsertQuery, conflict []string, update ...string) *bun.InsertQuery {
	if query.DB().Dialect().Name() == dialect.MySQL {
		query = query.On("DUPLICATE KEY UPDATE")
		if len(update) == 0 { // INSERT IGNORE would hide other errors as well
			query = query.Set("? = ?", bun.Ident(conflict[0]), bun.Ident(conflict[0]))
		}
		for _, column := range update {
			query = query.Set("? = VALUES(?)", bun.Ident(column), bun.Ident(column))
		}
		return query
	}
	target := make([]bun.Ident, len(conflict))
	for i, column := range conflict {
		target[i] = bun.Ident(column)
	}
	if len(update) == 0 {
		return query.On("CONFLICT (?) DO NOTHING", bun.List(target))
	}
	query = query.On("CONFLICT (?) DO UPDATE", bun.List(target))
	for _, column := range update {
		query = query.Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
	}
	return query
}
