package graph

import (
	"fmt"
	"strings"
)

// UnknownRevisionError says that a symbol names no revision.
type UnknownRevisionError struct {
	Symbol string
	// Near are ids and labels with a similar spelling.
	Near []string
	// Recorded says that the symbol is a row of the version table.
	Recorded bool
}

// Error names the symbol, says whether it is a row of the version table, and
// suggests ids and labels with a similar spelling.
func (e *UnknownRevisionError) Error() string {
	hint := didYouMean(e.Near)
	if e.Recorded {
		return fmt.Sprintf("migrate: the database is at revision %q, which is not among the revisions%s: run a build that has it, or stamp the revision that the schema is at", e.Symbol, hint)
	}
	return fmt.Sprintf("migrate: no revision or branch %q%s", e.Symbol, hint)
}

// AmbiguousRevisionError says that several ids or labels begin with a symbol.
type AmbiguousRevisionError struct {
	Symbol     string
	Candidates []string
}

// Error names the symbol and all ids and labels that begin with it.
func (e *AmbiguousRevisionError) Error() string {
	return fmt.Sprintf("migrate: several revisions begin with %q: %s: write more of the one that is meant", e.Symbol, commas(e.Candidates))
}

// MultipleHeadsError says that a symbol means several revisions where only one is
// allowed.
type MultipleHeadsError struct {
	Symbol string
	Heads  []string
}

// Error names the heads and the ways to choose among them.
func (e *MultipleHeadsError) Error() string {
	return fmt.Sprintf("migrate: %q means several revisions (%s): name one of them, narrow it by a branch as label@head, take heads for all, or merge them",
		e.Symbol, commas(e.Heads))
}

// NotAncestorError says that Lower is not an ancestor of Upper. Lower is the start of
// a range or the target of a downgrade. Upper is the end of the range or the
// database's revision.
type NotAncestorError struct {
	Lower, Upper string
}

// Error names both revisions.
func (e *NotAncestorError) Error() string {
	return fmt.Sprintf("migrate: %s does not come before %s", orBase(e.Lower), orBase(e.Upper))
}

// OverlapError says that of several targets, or rows of the version table, one
// implies others, because it follows or depends on them.
type OverlapError struct {
	Revision string
	// Below are the revisions that Revision implies.
	Below []string
	// Recorded says that the revisions are rows of the version table, not targets.
	Recorded bool
}

// Error names the revision and those that it implies.
func (e *OverlapError) Error() string {
	if e.Recorded {
		return fmt.Sprintf("migrate: the version table holds %s and also %s, which comes before it: stamp %s if the schema is there", e.Revision, commas(e.Below), e.Revision)
	}
	return fmt.Sprintf("migrate: %s comes after %s: leave that out", e.Revision, commas(e.Below))
}

func orBase(symbol string) string {
	if symbol == "" {
		return "base"
	}
	return symbol
}

func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
}

func commas(ids []string) string { return strings.Join(ids, ", ") }

// unprefixed returns an error of this package without the package's prefix, for an error
// that has the prefix and wraps it.
func unprefixed(err error) error { return partOfError{err} }

type partOfError struct{ error }

func (e partOfError) Error() string { return strings.TrimPrefix(e.error.Error(), "migrate: ") }
func (e partOfError) Unwrap() error { return e.error }
