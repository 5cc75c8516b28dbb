package autogen

import (
	"context"
	"fmt"

	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// Draft is the content of a revision for one engine. Each string is one statement
// without a semicolon at its end. The same schemas always give the same text.
//
// The caller must run the statements in this way:
//   - SQLite: all in one transaction, on a connection that turned the enforcement
//     of foreign keys off before the transaction, with a PRAGMA foreign_key_check
//     before COMMIT. A rebuild of a table drops the table's triggers, which the
//     caller must create again; views stay.
//   - PostgreSQL: all in one transaction.
//   - MySQL and MariaDB: one after the other.
type Draft struct {
	// Up changes the old schema into the new one, and Down reverts that. Rows that
	// Up dropped don't come back.
	Up, Down []string
	// Warnings name changes that lose data, that can fail on existing rows, or that
	// break programs that use the database. Those of Up come first. For Down there
	// are only warnings about lost data and about columns that become or are NOT
	// NULL.
	Warnings []Warning
	// LeftAlone names the objects in the database that the draft does not touch.
	// Only [CompareLive] sets it.
	LeftAlone []LeftAlone
}

// Empty reports whether the draft has no statements.
func (d Draft) Empty() bool { return len(d.Up) == 0 && len(d.Down) == 0 }

// Compare drafts the statements that change one schema into another and back. It
// needs no database: from can be a snapshot, and to can come from [Realm]. Compare
// compares checks and conditions of indexes by their text. If the draft is empty,
// the schemas are equal. Compare changes neither realm.
//
// If a rename matches neither realm, Compare returns an error that says what to
// write.
func Compare(ctx context.Context, engine dbmodule.Engine, from, to *schema.Realm, renames ...Rename) (Draft, error) {
	e, err := engineOf(engine)
	if err != nil {
		return Draft{}, err
	}
	return compare(ctx, e, e.differ(), from, to, renames)
}

// DDL returns the statements that create a realm's tables in an empty database, in
// the form of [Draft]. Each table comes after the tables that it refers to.
func DDL(ctx context.Context, engine dbmodule.Engine, realm *schema.Realm) ([]string, error) {
	draft, err := Compare(ctx, engine, schema.NewRealm(), realm)
	return draft.Up, err
}

func compare(ctx context.Context, e engine, differ schema.Differ, from, to *schema.Realm, hints []Rename) (Draft, error) {
	renamed := cloneRealm(from)
	done, err := rename(e.name(), renamed, to, hints)
	if err != nil {
		return Draft{}, err
	}
	return compareRenamed(ctx, e, differ, renamed, to, done)
}

// compareRenamed drafts the renames that rename did in a schema, and what else differs.
func compareRenamed(ctx context.Context, e engine, differ schema.Differ, renamed, to *schema.Realm, done []renaming) (Draft, error) {
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

// oneWay returns the statements and warnings of one direction. Each direction is planned by itself,
// because engines can't revert every statement.
func oneWay(ctx context.Context, e engine, differ schema.Differ, from, to *schema.Realm) ([]string, []Warning, error) {
	from, to = cloneRealm(from), cloneRealm(to)
	changes, err := changesBetween(e, differ, from, to)
	if err != nil {
		return nil, nil, err
	}
	// The warnings come first, because the planner modifies the changes.
	warnings := warningsOf(e, from, changes)
	statements, err := e.draft(ctx, from, to, changes)
	if err != nil {
		return nil, nil, fmt.Errorf("autogen: plan changes: %w", err)
	}
	return statements, warnings, nil
}
