package autogen

import (
	"context"
	"fmt"

	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// Draft is what a revision would hold for one engine. Each statement is one,
// without a semicolon at its end, and the same schemas give the same text.
//
// The statements count on who runs them:
//   - SQLite: all in one transaction on a connection whose foreign keys were
//     not enforced before it began, with a PRAGMA foreign_key_check before its
//     commit. A rebuild of a table loses the table's triggers, which must be
//     made again; views stay.
//   - PostgreSQL: all in one transaction.
//   - MySQL and MariaDB: one by one.
type Draft struct {
	// Up turns the old schema into the new one, and Down takes that back. Rows
	// that Up dropped don't come back.
	Up, Down []string
	// Warnings name what loses data, can fail on the rows that are there, or
	// breaks who reads the database, first those of Up. Those of Down are
	// only what loses data, and columns that become or are NOT NULL there.
	Warnings []Warning
	// LeftAlone names what the database has and the draft does not touch. Only
	// [CompareLive] finds any.
	LeftAlone []LeftAlone
}

// Empty says that there was nothing to do.
func (d Draft) Empty() bool { return len(d.Up) == 0 && len(d.Down) == 0 }

// Compare drafts the way from one schema to another and back, without a
// database: from a snapshot, say, to [Realm]. Checks and conditions of indexes
// are compared by their text. An empty draft says that the two agree. Neither
// realm is changed.
//
// A rename that fits neither realm is an error that says what to write.
func Compare(ctx context.Context, engine dbmodule.Engine, from, to *schema.Realm, renames ...Rename) (Draft, error) {
	e, err := engineOf(engine)
	if err != nil {
		return Draft{}, err
	}
	return compare(ctx, e, e.differ(), from, to, renames)
}

// DDL renders the statements that create a realm's tables in an empty
// database, like those of [Draft]: each table after those that it refers to.
func DDL(ctx context.Context, engine dbmodule.Engine, realm *schema.Realm) ([]string, error) {
	draft, err := Compare(ctx, engine, schema.NewRealm(), realm)
	return draft.Up, err
}

func compare(ctx context.Context, e engine, differ schema.Differ, from, to *schema.Realm, hints []Rename) (Draft, error) {
	renamed := cloneRealm(from)
	done, err := rename(renamed, to, hints)
	if err != nil {
		return Draft{}, err
	}
	warned := renameWarnings(done)
	done = append(done, caseRenames(e, renamed, to)...)
	var draft Draft
	for _, r := range done {
		draft.Up = append(draft.Up, e.rename(r)...)
	}
	up, warnings, err := oneWay(ctx, e, differ, renamed, to)
	if err != nil {
		return Draft{}, err
	}
	suggestRenames(e, warnings, renamed, to)
	draft.Up = append(draft.Up, up...)
	draft.Warnings = append(warned, warnings...)

	draft.Down, warnings, err = oneWay(ctx, e, differ, to, renamed)
	if err != nil {
		return Draft{}, err
	}
	for i := len(done) - 1; i >= 0; i-- {
		draft.Down = append(draft.Down, e.rename(done[i].reversed())...)
	}
	draft.Warnings = append(draft.Warnings, losses(warnings)...)
	return draft, nil
}

// oneWay plans one way. Engines differ in what they can alter, so that the
// way back is planned by itself and is no list of reversed statements.
func oneWay(ctx context.Context, e engine, differ schema.Differ, from, to *schema.Realm) ([]string, []Warning, error) {
	from, to = cloneRealm(from), cloneRealm(to)
	changes, err := changesBetween(e, differ, from, to)
	if err != nil {
		return nil, nil, err
	}
	// Before the planner, which takes changes apart.
	warnings := warningsOf(e, from, changes)
	statements, err := e.draft(ctx, from, to, changes)
	if err != nil {
		return nil, nil, fmt.Errorf("autogen: plan changes: %w", err)
	}
	return statements, warnings, nil
}
