package autogen

import (
	"context"
	"fmt"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// CompareLive drafts the statements that change the tables in the database into the models' tables,
// and back. It examines the tables of the models, the tables of the snapshot (so that it finds a
// table whose model was removed), and the tables that renames name. It ignores all other tables.
// snapshot can be nil.
//
// Servers rewrite the text of checks and of conditions of indexes. If the database
// and the snapshot both have one with the same name, CompareLive takes its text
// from the snapshot, so that it finds a change in the models. If the snapshot does
// not have it, CompareLive compares only the name.
//
// CompareLive leaves alone what can't be read and what models can't express, and
// names it in the draft's LeftAlone. It does not name what a model declares with
// dbmodule.Unmanaged. conn may be in a transaction.
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
	done, err := r.rename(e.name(), want, renames)
	if err != nil {
		return Draft{}, err
	}
	known := cloneRealm(snapshot)
	for _, renamed := range done {
		renamed.apply(e.name(), known)
	}
	left, err := settle(e, r.driver, r, want, known, models)
	if err != nil {
		return Draft{}, err
	}
	lookalikes, err := lookalikes(ctx, e, conn, r.live, want)
	if err != nil {
		return Draft{}, err
	}
	draft, err := compareRenamed(ctx, e, r.driver, r.live, want, done)
	draft.LeftAlone = left
	draft.Warnings = append(lookalikes, draft.Warnings...)
	return draft, err
}

// rename applies hints to what was read, and returns the renames. Without them a comparison would
// not know which table of the models says what is to be left alone in a table of the database.
func (r *reading) rename(e dbmodule.Engine, want *schema.Realm, hints []Rename) ([]renaming, error) {
	done, err := rename(e, r.live, want, hints)
	for _, renamed := range done {
		for i := range r.hidden {
			if renamed.column == "" && r.hidden[i].table == renamed.at() {
				r.hidden[i].table.name = renamed.to
			}
		}
		for i := range r.undecided {
			switch u := &r.undecided[i]; {
			case u.table != renamed.at():
			case renamed.column == "":
				u.table.name = renamed.to
			case u.column == renamed.column:
				u.column = renamed.to
			}
		}
	}
	return done, err
}

// lookalikes returns a warning for each table to create whose name differs only in
// case from an existing table.
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
	existing, err := e.tables(ctx, conn)
	if err != nil {
		return nil, err
	}
	var warnings []Warning
	for _, table := range missing {
		for _, other := range existing {
			if other.name != table.Name && strings.EqualFold(other.name, table.Name) {
				warnings = append(warnings, Warning{Code: NameCase, Table: table.Name, Text: fmt.Sprintf(
					"the database has a table %s, whose name differs in upper and lower case only: if it is the one that the model means, write its name in the model as it is", other.name)})
			}
		}
	}
	return warnings, nil
}
