package autogen

import (
	"context"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
)

// CompareLive drafts the way from the tables in the database to the models and
// back. It looks at the tables of the models, at those of the snapshot, so
// that one whose model is gone is found, and at those that renames name; all
// others are nobody's business here. snapshot can be nil.
//
// Servers rewrite checks and conditions of indexes. One that the database has
// under the name that it has in the snapshot counts as the snapshot's, so that
// a change in the models is found; of one that no snapshot knows the name is
// all that is compared. conn may be in a transaction.
func CompareLive(ctx context.Context, conn bun.Conn, snapshot *schema.Realm, renames []Rename, models ...any) (Draft, error) {
	e, want, err := wanted(conn, models)
	if err != nil {
		return Draft{}, err
	}
	if snapshot == nil {
		snapshot = schema.NewRealm()
	}
	names := append(namesOf(tablesOf(want)), namesOf(tablesOf(snapshot))...)
	for _, r := range renames {
		names = append(names, pathOf(r.From))
	}
	driver, live, err := inspect(ctx, e, conn, names, snapshot, want)
	if err != nil {
		return Draft{}, err
	}
	return compare(ctx, e, driver, live, want, renames)
}
