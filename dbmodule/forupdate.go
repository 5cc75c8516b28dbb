package dbmodule

import (
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// ForUpdate makes a SELECT lock the rows that it reads until the transaction
// ends, for what is computed from them and written back: without a lock two
// that read the same value lose one of the changes, with no error, at
// PostgreSQL's and MySQL's default isolation levels. SQLite needs none, since
// only one transaction there may write at a time.
//
//	err := dbmodule.ForUpdate(s.NewSelect().Model(account).WherePK()).Scan(ctx)
func ForUpdate(query *bun.SelectQuery) *bun.SelectQuery {
	if query.DB().Dialect().Name() == dialect.SQLite {
		return query
	}
	return query.For("UPDATE")
}
