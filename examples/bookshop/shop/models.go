package shop

import (
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Author wrote books.
type Author struct {
	ID   int64  `json:"id" bun:",pk,autoincrement"`
	Name string `json:"name" bun:",notnull,unique"`
}

// Book is what the shop sells.
type Book struct {
	ID       int64   `json:"id" bun:",pk,autoincrement"`
	Title    string  `json:"title" bun:",notnull"`
	AuthorID int64   `json:"-" bun:",notnull"`
	Author   *Author `json:"author" bun:"rel:belongs-to,join:author_id=id"`
	Copies   int     `json:"copies" bun:",notnull"`
	Cents    int64   `json:"cents" bun:",notnull"`
}

// Indexes finds an author's books by title.
func (*Book) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"author_id", "title"}, Unique: true}}
}

// Checks keeps the shop from selling what it does not have.
func (*Book) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "copies_left", Expression: "copies >= 0"}}
}

// Order is a copy of a book that somebody bought.
type Order struct {
	ID     int64     `json:"id" bun:",pk,autoincrement"`
	BookID int64     `json:"book_id" bun:",notnull"`
	Book   *Book     `json:"-" bun:"rel:belongs-to,join:book_id=id"`
	Email  string    `json:"email" bun:",notnull"`
	Cents  int64     `json:"cents" bun:",notnull"`
	Placed time.Time `json:"placed" bun:",notnull"`
	// Reported says that the order is in the reports.
	Reported bool `json:"reported" bun:",notnull"`
}

// Indexes finds what is not reported yet.
func (*Order) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"reported", "id"}}}
}

// Sale is an order in the database of reports, which others read.
type Sale struct {
	bun.BaseModel `bun:"table:sales"`

	// OrderID is the order's, so that a sale reported twice is there once.
	OrderID int64     `json:"order_id" bun:",pk"`
	Title   string    `json:"title" bun:",notnull"`
	Cents   int64     `json:"cents" bun:",notnull"`
	Sold    time.Time `json:"sold" bun:",notnull"`
}

// Models are the shop's own tables. The last one is what idempotency keys need.
func Models() []any {
	return []any{(*Author)(nil), (*Book)(nil), (*Order)(nil), (*dbmodule.WorkKey)(nil)}
}

// ReportModels are the tables in the database of reports.
func ReportModels() []any { return []any{(*Sale)(nil)} }
