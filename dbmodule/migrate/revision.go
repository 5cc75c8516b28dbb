package migrate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Revision is one step of a schema's history. It is immutable once loaded.
type Revision struct {
	// ID names the revision: up to 32 letters, digits, "_" or ".".
	ID string
	// Message says in one line what the revision does.
	Message string
	// DownRevisions are the revisions that this one follows: none for a base,
	// several for a merge.
	DownRevisions []string
	// DependsOn are revisions of other branches that must be applied before:
	// ids, partial ids or labels.
	DependsOn []string
	// BranchLabels are names for the branch that begins here.
	BranchLabels []string
	// CreateDate is when the revision was written, in UTC; it orders nothing.
	CreateDate time.Time
	// Folder is the revision's folder within its source, "" for one that only
	// the database knows.
	Folder string

	scripts map[dbmodule.Engine]Script
	code    *Code
}

// Script is the SQL of a revision on one engine.
type Script struct {
	Upgrade, Downgrade []Statement
	// Irreversible says that there is no downgrade section.
	Irreversible bool
	// File is where it was read, within its source; "" for one that the
	// database kept.
	File string
}

// Statement is one SQL statement of a script.
type Statement struct {
	// Text has neither a semicolon at its end nor the comments before it.
	Text string
	// NoTransaction marks a statement that must run outside a transaction.
	NoTransaction bool
	// Line is where it begins in its file, from 1; 0 if it has none.
	Line int
}

// Code is a revision's work as Go functions, for what SQL can't say. The
// revision's folder then holds revision.txt and no SQL.
//
// db is a transaction in which the version is recorded too. On MySQL and
// MariaDB that does not undo DDL: a function that fails after some is run
// again from its start, and must bear it.
type Code struct {
	// Revision is the id in revision.txt.
	Revision string
	Upgrade  func(ctx context.Context, db bun.IDB) error
	// Downgrade is nil for a revision that can't be taken back.
	Downgrade func(ctx context.Context, db bun.IDB) error
}

// Script returns the revision's SQL for the engine. It is an error that names
// the missing file if there is none, or if the revision is Go code.
func (r *Revision) Script(engine dbmodule.Engine) (Script, error) {
	if r.code != nil {
		return Script{}, fmt.Errorf("migrate: revision %s is Go code: it has no SQL to show", r.ID)
	}
	script, ok := r.scripts[engine]
	if !ok {
		return Script{}, fmt.Errorf("migrate: revision %s has no SQL for %s: add %s.sql to the folder %s", r.ID, engine, engine, r.Folder)
	}
	return script, nil
}

// IsCode reports whether the revision is Go code rather than SQL.
func (r *Revision) IsCode() bool { return r.code != nil }

// IsBase reports whether the revision follows none.
func (r *Revision) IsBase() bool { return len(r.DownRevisions) == 0 }

// IsMergePoint reports whether the revision follows several.
func (r *Revision) IsMergePoint() bool { return len(r.DownRevisions) > 1 }

// Ids and labels are kept apart from the grammar of targets, which gives a
// meaning to "@", ":", "+" and "-", and ids within Alembic's column of 32
// characters.
var (
	revisionIDPattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.]{0,31}$`)
	branchLabelPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

// reservedIDs mean something in targets.
var reservedIDs = []string{"head", "heads", "base", "current"}

// CheckID reports why a revision can't have this id: what Alembic refuses to
// load, or can't keep.
func CheckID(id string) error {
	if !revisionIDPattern.MatchString(id) {
		return fmt.Errorf("%q: takes 1 to 32 letters, digits, \"_\" or \".\", the first no \".\"", id)
	}
	return checkReserved(id)
}

// CheckLabel reports why a branch can't have this label.
func CheckLabel(label string) error {
	if !branchLabelPattern.MatchString(label) {
		return fmt.Errorf("%q: takes letters, digits, \"_\", \".\" or \"-\", the first no \".\" or \"-\"", label)
	}
	return checkReserved(label)
}

func checkReserved(name string) error {
	if slices.Contains(reservedIDs, strings.ToLower(name)) {
		return fmt.Errorf("%q means something else in targets: choose another", name)
	}
	return nil
}
