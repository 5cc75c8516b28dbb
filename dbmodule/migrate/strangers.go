package migrate

import (
	"errors"
	"slices"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// A database can have the revisions of several programs. A foreign revision is one that only
// the history knows. If it follows a revision of this program, a newer build of this program
// has run it: it is kin. All other foreign revisions are strangers, of another program:
// no step is planned for them unless a target names one.

// lineage is this program's part of a standing.
type lineage struct {
	// graph has the program's revisions and their kin.
	graph *graph.Graph
	// rows are the rows that the version table would have without the strangers.
	rows []string
	// strangers are the ids of applied revisions of other programs.
	strangers []string
}

// ownLineage finds this program's part.
func (s *standing) ownLineage(own *graph.Graph) (lineage, error) {
	kin, strangers := s.kin(own)
	if len(strangers) == 0 {
		return lineage{graph: s.graph, rows: s.knownHeads()}, nil
	}
	near, err := own.With(kin...)
	if err != nil {
		return lineage{}, err
	}
	applied, err := s.graph.Applied(s.knownHeads())
	if err != nil {
		return lineage{}, err
	}
	var ids []string
	for _, r := range applied {
		if near.Has(r.ID) {
			ids = append(ids, r.ID)
		}
	}
	rows, err := near.RowsOf(ids)
	return lineage{graph: near, rows: rows, strangers: strangers}, err
}

// kin divides the foreign revisions into kin and strangers.
func (s *standing) kin(own *graph.Graph) (kin []*Revision, strangers []string) {
	follows := map[string]bool{}
	for _, r := range s.graph.Revisions() { // each after its parents
		switch {
		case own.Has(r.ID):
			follows[r.ID] = true
		case slices.ContainsFunc(r.DownRevisions, func(id string) bool { return follows[id] }):
			follows[r.ID] = true
			kin = append(kin, r)
		default:
			strangers = append(strangers, r.ID)
		}
	}
	return kin, strangers
}

// knownHeads are the rows of the version table whose revision is known.
func (s *standing) knownHeads() []string {
	return slices.DeleteFunc(slices.Clone(s.heads), func(head string) bool { return slices.Contains(s.unknown, head) })
}

// steps returns the steps of a plan: among the program's own revisions, or among all if the
// plan names a stranger.
func (s *standing) steps(p plan) ([]Step, error) {
	l := s.own
	steps, err := p.find(l.graph, l.rows)
	if len(l.strangers) == 0 {
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

// isOurs reports whether an entry of the history belongs to a revision of this program, or to
// one that follows such a revision.
func (s *standing) isOurs(e *Entry) bool {
	return s.own.graph.Has(e.Revision) || slices.ContainsFunc(splitList(e.DownRevisions), s.own.graph.Has)
}
