package migrate

import (
	"errors"
	"slices"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// A database can have the revisions of several programs. A foreign revision is one that only
// the history knows. If it follows a revision of this program, directly or not, a newer build
// of this program has run it. All other foreign revisions belong to other programs: no step is
// planned for them unless a target names one.

// ownPart is the part of the database state that belongs to this program.
type ownPart struct {
	// graph has the revisions of this build, and the applied ones of newer builds.
	graph *graph.Graph
	// rows are the rows that the version table would have without other programs' revisions.
	rows []string
	// others are the ids of applied revisions of other programs.
	others []string
}

// findOwnPart returns the part of the state that belongs to this program. own has the
// revisions of this build.
func (s *dbState) findOwnPart(own *graph.Graph) (ownPart, error) {
	newer, others := s.splitForeign(own)
	if len(others) == 0 {
		return ownPart{graph: s.graph, rows: s.knownHeads()}, nil
	}
	near, err := own.With(newer...)
	if err != nil {
		return ownPart{}, err
	}
	applied, err := s.graph.Applied(s.knownHeads())
	if err != nil {
		return ownPart{}, err
	}
	var ids []string
	for _, r := range applied {
		if near.Has(r.ID) {
			ids = append(ids, r.ID)
		}
	}
	rows, err := near.RowsOf(ids)
	return ownPart{graph: near, rows: rows, others: others}, err
}

// splitForeign divides the foreign revisions into those of newer builds of this program, and those of
// other programs.
func (s *dbState) splitForeign(own *graph.Graph) (newer []*Revision, others []string) {
	follows := map[string]bool{}
	for _, r := range s.graph.Revisions() { // each after its parents
		switch {
		case own.Has(r.ID):
			follows[r.ID] = true
		case slices.ContainsFunc(r.DownRevisions, func(id string) bool { return follows[id] }):
			follows[r.ID] = true
			newer = append(newer, r)
		default:
			others = append(others, r.ID)
		}
	}
	return newer, others
}

// knownHeads returns the rows of the version table whose revision is known.
func (s *dbState) knownHeads() []string {
	return slices.DeleteFunc(slices.Clone(s.heads), func(head string) bool { return slices.Contains(s.unknown, head) })
}

// steps returns the steps of a plan. It plans with this program's revisions only, unless a
// target names another program's revision. The steps have the changes to the version table's
// real rows.
func (s *dbState) steps(p plan) ([]Step, error) {
	l := s.own
	steps, err := p.find(l.graph, l.rows)
	if len(l.others) == 0 {
		return steps, err
	}
	var unknown *graph.UnknownRevisionError
	if errors.As(err, &unknown) {
		return p.find(s.graph, s.heads)
	}
	if err != nil {
		return nil, err
	}
	return s.graph.Restate(steps, s.heads)
}

// isOurs reports whether an entry of the history is of a revision of this program, or of one
// that directly follows such a revision.
func (s *dbState) isOurs(e *Entry) bool {
	return s.own.graph.Has(e.Revision) || slices.ContainsFunc(splitList(e.DownRevisions), s.own.graph.Has)
}
