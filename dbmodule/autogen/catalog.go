package autogen

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// catalog rewrites queries of atlas on the database's catalog. Unchanged, they would
// fail, or return values that atlas can't scan.
type catalog struct {
	schema.ExecQuerier
	rewrite *strings.Replacer
}

func (c catalog) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return c.ExecQuerier.QueryContext(ctx, c.rewrite.Replace(query), args...)
}

// rowsKeeper keeps the rows of all queries, to close them. If atlas can't scan a
// value, it leaves the rows open, and the connection stays busy.
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

// close closes all rows. It may be called for rows that are closed.
func (k *rowsKeeper) close() error {
	var errs []error
	for _, rows := range k.read {
		errs = append(errs, rows.Close())
	}
	k.read = nil
	return errors.Join(errs...)
}
