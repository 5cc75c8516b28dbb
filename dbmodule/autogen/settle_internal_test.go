package autogen

import (
	"errors"
	"testing"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

type settleBook struct {
	bun.BaseModel `bun:"table:books"`
	ID            int64 `bun:",pk"`
}

type settleOther struct {
	bun.BaseModel `bun:"table:others"`
	ID            int64 `bun:",pk"`
}

// failing can't compare one table.
type failing struct {
	schema.Differ
	table string
}

func (f failing) TableDiff(from, to *schema.Table, options ...schema.DiffOption) ([]schema.Change, error) {
	if from.Name == f.table {
		return nil, errors.New("sqlite: no way")
	}
	return f.Differ.TableDiff(from, to, options...)
}

// A table that can't be compared leaves both sides, and the others stay.
func TestSettleWithoutATable(t *testing.T) {
	t.Parallel()
	models := []any{(*settleBook)(nil), (*settleOther)(nil)}
	live, err := Realm(dbmodule.SQLite, models...)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Realm(dbmodule.SQLite, models...)
	if err != nil {
		t.Fatal(err)
	}
	e := sqliteEngine{}
	left, err := settle(e, failing{e.differ(), "books"}, reading{live: live}, want, nil, models)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0].String() != "table books is left alone: it can't be compared: no way" {
		t.Errorf("left %v", left)
	}
	for _, realm := range []*schema.Realm{live, want} {
		if tables := tablesOf(realm); len(tables) != 1 || tables[0].Name != "others" {
			t.Errorf("%d tables stay", len(tables))
		}
	}
}

// A type that nobody knows costs the comparison no more than its column.
func TestSettleAnUnknownType(t *testing.T) {
	t.Parallel()
	models := []any{(*settleBook)(nil)}
	live, err := Realm(dbmodule.MySQL, models...)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Realm(dbmodule.MySQL, models...)
	if err != nil {
		t.Fatal(err)
	}
	e := mysqlEngine{}
	column := live.Schemas[0].Tables[0].Columns[0]
	column.Type = &schema.ColumnType{Type: &schema.UnsupportedType{T: "vector"}, Raw: "vector(3)"}
	left, err := settle(e, e.differ(), reading{live: live}, want, nil, models)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0].String() != "table books: column id is left alone: models can't express the type vector(3)" {
		t.Errorf("left %v", left)
	}
	if changes, err := changesBetween(e, e.differ(), live, want); err != nil || len(changes) > 0 {
		t.Errorf("%d changes, %v", len(changes), err)
	}
}
