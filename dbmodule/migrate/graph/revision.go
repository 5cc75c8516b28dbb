package graph

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Revision is one step of a schema's history. It holds the fields of its
// revision.txt, and is immutable once loaded.
type Revision struct {
	// ID names the revision: up to 32 letters, digits, "_" or ".".
	ID string
	// Message says in one line what the revision does.
	Message string
	// DownRevisions are the ids of the revisions that this one follows: none for a
	// base, several for a merge point.
	DownRevisions []string
	// DependsOn are revisions of other branches that must be applied before:
	// ids, partial ids or labels.
	DependsOn []string
	// BranchLabels are names of the branch that begins with this revision.
	BranchLabels []string
	// CreateDate is when the revision was written, in UTC. It does not affect the
	// order of revisions.
	CreateDate time.Time
	// Replaces are checksums of SQL that the revision had before it was corrected.
	// A database that applied one of these counts as having the present SQL.
	Replaces []string
	// Folder is the revision's folder within its source; "" for a revision that
	// only the database's history knows.
	Folder string
}

// IsBase reports whether the revision follows no other one.
func (r *Revision) IsBase() bool { return len(r.DownRevisions) == 0 }

// IsMergePoint reports whether the revision follows several.
func (r *Revision) IsMergePoint() bool { return len(r.DownRevisions) > 1 }

// Ids and labels can't contain "@", ":" or "+", which mean something in targets; ids
// can't contain "-" either. Alembic's column for ids holds 32 characters.
var (
	revisionIDPattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.]{0,31}$`)
	checksumPattern    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	branchLabelPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

// reservedIDs are words with a meaning in targets.
var reservedIDs = []string{"head", "heads", "base", "current"}

// checkID returns an error if Alembic could not load a revision with this id, or
// could not store the id.
func checkID(id string) error {
	if !revisionIDPattern.MatchString(id) {
		return fmt.Errorf("%q: takes 1 to 32 letters, digits, \"_\" or \".\", the first no \".\"", id)
	}
	return checkReserved(id)
}

// checkLabel returns an error if a branch can't have this label.
func checkLabel(label string) error {
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
