// Package keyset reads a listing in pages. Each page starts after the last row that the client
// has seen, also when rows were added or deleted meanwhile. A page costs the same wherever it
// is, unlike with OFFSET.
//
// [Listing] is all that most listings need. [After], [Encode] and [Decode] are its parts.
package keyset

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

// Column is a part of a listing's order. The columns of a listing are NOT NULL, and the
// last of them is unique, or all are together: else rows get lost between two pages. An
// index on them, in their order, makes pages cheap. It begins with the columns that the
// query's conditions compare with one value. If other indexes begin with these, too, name it
// by the query's ForceIndex: MariaDB may otherwise read all rows before the page.
type Column struct {
	// Name is the column's, with its table's alias if the query joins others.
	Name string
	// Descending puts the largest value first.
	Descending bool
}

// Listing is a listing of rows of type T. C is what a page's token says of its last row,
// such as struct{ Title string; ID int64 }: it is read back from JSON as it was, so its
// times are of microseconds in UTC at most. A Listing is not changed once it is used, and
// is safe for concurrent use then.
type Listing[T, C any] struct {
	// Scope names the listing and what selects its rows, such as "books:7": a token of one
	// scope is refused in another. It is readable in the token.
	Scope string
	// Columns are its order.
	Columns []Column
	// Cursor returns what a token stores of a row.
	Cursor func(row *T) C
	// Values returns the columns' values, in their order, of the row that a cursor stores.
	Values func(cursor C) []any
}

// Page runs a query for at most limit rows after the page that returned token, which is ""
// for the first page. The query has the rows' model and conditions, and no order or limit of
// its own. next is the token for the next page, "" if this was the last. If this
// listing did not make the token, the error is [ErrToken].
func (l Listing[T, C]) Page(ctx context.Context, query *bun.SelectQuery, token string, limit int) (rows []T, next string, err error) {
	var values []any
	if token != "" {
		cursor, err := Decode[C](token, l.Scope)
		if err != nil {
			return nil, "", err
		}
		if values = l.Values(cursor); len(values) != len(l.Columns) {
			return nil, "", fmt.Errorf("keyset: page: %d columns, but Values returns %d", len(l.Columns), len(values))
		}
	}
	if limit < 1 {
		return nil, "", fmt.Errorf("keyset: page: a limit of %d: want 1 or more", limit)
	}
	rows = []T{}
	if err := After(query, l.Columns, values...).Limit(int64(limit)+1).Scan(ctx, &rows); err != nil {
		return nil, "", fmt.Errorf("keyset: page: %w", err)
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	next, err = Encode(l.Scope, l.Cursor(&rows[limit-1]))
	return rows, next, err
}

// After orders a query by columns, and makes it begin after the row with these values:
// one for each column, or none for the first page.
func After(query *bun.SelectQuery, columns []Column, values ...any) *bun.SelectQuery {
	for _, column := range columns {
		direction := "ASC"
		if column.Descending {
			direction = "DESC"
		}
		query = query.OrderExpr("? "+direction, bun.Ident(column.Name))
	}
	if len(values) == 0 {
		return query
	}
	// a >= x AND (a > x OR a = x AND (b > y OR …)): the first part finds the place in an index.
	behind, args := "", []any{}
	for i := len(columns) - 1; i >= 0; i-- {
		name, sign := bun.Ident(columns[i].Name), ">"
		if columns[i].Descending {
			sign = "<"
		}
		if behind == "" {
			behind, args = "? "+sign+" ?", []any{name, values[i]}
			continue
		}
		behind = "? " + sign + "= ? AND (? " + sign + " ? OR (" + behind + "))"
		args = append([]any{name, values[i], name, values[i]}, args...)
	}
	return query.Where("("+behind+")", args...)
}

// ErrToken is the error for a token that was made up, or that is of another listing: a
// client's mistake, which a server answers with 422 or 400.
var ErrToken = errors.New("the token of the page is not one that this listing gave")

// maxToken bounds, in bytes, what Decode reads.
const maxToken = 4096

type token[C any] struct {
	Version int    `json:"v"`
	Scope   string `json:"s"`
	Cursor  C      `json:"c"`
}

// Encode makes a token from a cursor: text for a URL, at most 4096 bytes long. Anybody can
// read it; it is not signed. C is a struct that JSON encodes and decodes unchanged.
func Encode[C any](scope string, cursor C) (string, error) {
	text, err := json.Marshal(token[C]{1, scope, cursor})
	if err != nil {
		return "", fmt.Errorf("keyset: make a token: %w", err)
	}
	made := base64.RawURLEncoding.EncodeToString(text)
	if len(made) > maxToken {
		return "", fmt.Errorf("keyset: make a token: it has %d bytes, more than %d: shorten the columns of the order", len(made), maxToken)
	}
	return made, nil
}

// Decode reads a token that [Encode] made for the same scope and type. For everything else
// it returns [ErrToken], so that no listing starts again by mistake.
func Decode[C any](text, scope string) (cursor C, err error) {
	invalid := fmt.Errorf("keyset: read a token: %w", ErrToken)
	if len(text) > maxToken {
		return cursor, invalid
	}
	plain, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return cursor, invalid
	}
	var read token[C]
	if err := json.Unmarshal(plain, &read); err != nil || read.Version != 1 || read.Scope != scope {
		return cursor, invalid
	}
	// What we gave out encodes to itself: nothing else is ours.
	if again, err := Encode(scope, read.Cursor); err != nil || again != text {
		return cursor, invalid
	}
	return read.Cursor, nil
}
