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

// Column is one column of a listing's order. All columns of the order must be NOT NULL, and
// together they must be unique; otherwise rows get lost between two pages. An index makes pages
// cheap. It begins with the columns that the query's conditions compare with one value, and
// continues with the columns of the order. If other indexes begin with the same columns, name this
// one by the query's ForceIndex: MariaDB may otherwise read all rows before the page.
type Column struct {
	// Name is the column's name, with its table's alias if the query joins other tables.
	Name string
	// Descending puts the largest value first.
	Descending bool
}

// Listing reads rows of type T in pages. C is the type of the cursor, which a page's token stores
// of its last row, such as struct{ Title string; ID int64 }. JSON must encode and decode a cursor
// unchanged, so its times are in UTC and have at most microseconds. A Listing must not be changed
// after its first use; it is then safe for concurrent use.
type Listing[T, C any] struct {
	// Scope names the listing and the values that select its rows, such as "books:7". A listing
	// refuses tokens of another scope. Clients can read the scope in a token.
	Scope string
	// Columns are the columns that the rows are ordered by.
	Columns []Column
	// Cursor returns what a token stores of a row.
	Cursor func(row *T) C
	// Values returns the values of Columns in a cursor, in the order of Columns.
	Values func(cursor C) []any
}

// Page returns the next page of at most limit rows. token is "" for the first page, and for each
// later page the next that the page before returned. The query has the rows' model and conditions,
// and no order or limit of its own. next is the token for the next page, or "" after the last page.
// If this listing did not make the token, the error is [ErrToken].
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
	// a >= x AND (a > x OR a = x AND (b > y OR …)): the first condition finds the place in an index.
	condition, args := "", []any{}
	for i := len(columns) - 1; i >= 0; i-- {
		name, sign := bun.Ident(columns[i].Name), ">"
		if columns[i].Descending {
			sign = "<"
		}
		if condition == "" {
			condition, args = "? "+sign+" ?", []any{name, values[i]}
			continue
		}
		condition = "? " + sign + "= ? AND (? " + sign + " ? OR (" + condition + "))"
		args = append([]any{name, values[i], name, values[i]}, args...)
	}
	return query.Where("("+condition+")", args...)
}

// ErrToken is the error for a token that this listing did not make. It is a client's mistake; a
// server answers it with 422 or 400.
var ErrToken = errors.New("the token of the page is not one that this listing gave")

// maxToken is the length of the longest token, in bytes.
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

// Decode reads a token that [Encode] made for the same scope and type. For any other text it
// returns [ErrToken], so that a wrong token does not start the listing again.
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
	// Encode gives the same token for the cursor of its own tokens. Any other text was not made by
	// Encode.
	if again, err := Encode(scope, read.Cursor); err != nil || again != text {
		return cursor, invalid
	}
	return read.Cursor, nil
}
