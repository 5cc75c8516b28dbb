package autogen

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// catalog rewrites those of atlas's queries on the catalog that fail, or scan
// a value that they can't, on databases that this package has to read.
type catalog struct {
	schema.ExecQuerier
	rewrite *strings.Replacer
}

func (c catalog) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return c.ExecQuerier.QueryContext(ctx, c.rewrite.Replace(query), args...)
}

// rowsKeeper knows the rows that were read through it: atlas leaves those of a
// query open whose values it can't take, and then the connection is busy.
type rowsKeeper struct {
	schema.ExecQuerier
	read []*sql.Rows
}

func (k *rowsKeeper) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := k.ExecQuerier.QueryContext(ctx, query, args...)
	if err == nil {
		k.read = append(k.read, rows)
	}
	return rows, err
}

// close closes all rows; those that are closed already stay so.
func (k *rowsKeeper) close() error {
	var errs []error
	for _, rows := range k.read {
		errs = append(errs, rows.Close())
	}
	k.read = nil
	return errors.Join(errs...)
}
