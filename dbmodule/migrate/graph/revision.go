package graph

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Revision is one step of a schema's history: what its revision.txt says. It is
// immutable once loaded.
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
	// Replaces are checksums of SQL that the revision had before, for a revision
	// that was mended after databases had applied it: they count as having
	// applied it as it is.
	Replaces []string
	// Folder is the revision's folder within its source, "" for one that only
	// the database knows.
	Folder string
}

// IsBase reports whether the revision follows none.
func (r *Revision) IsBase() bool { return len(r.DownRevisions) == 0 }

// IsMergePoint reports whether the revision follows several.
func (r *Revision) IsMergePoint() bool { return len(r.DownRevisions) > 1 }

// Ids and labels are kept apart from the grammar of targets, which gives a
// meaning to "@", ":", "+" and "-", and ids within Alembic's column of 32
// characters.
var (
	revisionIDPattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.]{0,31}$`)
	checksumPattern    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	branchLabelPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

// reservedIDs mean something in targets.
var reservedIDs = []string{"head", "heads", "base", "current"}

// checkID reports why a revision can't have this id: what Alembic refuses to
// load, or can't keep.
func checkID(id string) error {
	if !revisionIDPattern.MatchString(id) {
		return fmt.Errorf("%q: takes 1 to 32 letters, digits, \"_\" or \".\", the first no \".\"", id)
	}
	return checkReserved(id)
}

// checkLabel reports why a branch can't have this label.
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
