package autogen

import (
	"context"
	"fmt"
	"strings"

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
// all that is compared.
//
// What can't be read and what models have no words for is left alone and
// named in the draft's LeftAlone, but for what a model declares by
// dbmodule.Unmanaged. The rest is compared. conn may be in a transaction.
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
	r, err := read(ctx, e, conn, names, snapshot, want)
	if err != nil {
		return Draft{}, err
	}
	left, err := settle(e, r.driver, r, want, snapshot, models)
	if err != nil {
		return Draft{}, err
	}
	lookalikes, err := lookalikes(ctx, e, conn, r.live, want)
	if err != nil {
		return Draft{}, err
	}
	draft, err := compare(ctx, e, r.driver, r.live, want, renames)
	draft.LeftAlone = left
	draft.Warnings = append(lookalikes, draft.Warnings...)
	return draft, err
}

// lookalikes warns of tables to make whose names another table has in other
// capitals, where that is another name.
func lookalikes(ctx context.Context, e engine, conn bun.Conn, live, want *schema.Realm) ([]Warning, error) {
	var missing []*schema.Table
	for _, table := range tablesOf(want) {
		if _, ok := tableAt(live, nameOfTable(table)); !ok && nameOfTable(table).schema == "" {
			missing = append(missing, table)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	there, err := e.tables(ctx, conn)
	if err != nil {
		return nil, err
	}
	var warnings []Warning
	for _, table := range missing {
		for _, other := range there {
			if other.name != table.Name && strings.EqualFold(other.name, table.Name) {
				warnings = append(warnings, Warning{Code: NameCase, Table: table.Name, Text: fmt.Sprintf(
					"the database has a table %s, whose name differs in upper and lower case only: if it is the one that the model means, write its name in the model as it is", other.name)})
			}
		}
	}
	return warnings, nil
}
