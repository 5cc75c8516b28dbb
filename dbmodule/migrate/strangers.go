package migrate

import (
	"errors"
	"slices"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// A database can have the revisions of several programs. Those that this
// program lacks and that follow its own, a newer build of it has run. All
// others are strangers: nothing is planned for them unless they are named.

// lineage is the part of a standing that is this program's.
type lineage struct {
	graph *graph.Graph
	// rows are what the version table would hold without the strangers.
	rows []string
	// strangers are the ids of applied revisions of other programs.
	strangers []string
}

// ownLineage finds what is this program's.
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

// kin tells the revisions that only the history knows and that follow own ones
// from the others.
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

// knownHeads are the rows of the version table that have a revision.
func (s *standing) knownHeads() []string {
	return slices.DeleteFunc(slices.Clone(s.heads), func(head string) bool { return slices.Contains(s.unknown, head) })
}

// steps finds the steps of a plan: among the own revisions, or with the
// strangers if it names one of them.
func (s *standing) steps(plan planFunc) ([]Step, error) {
	l := s.own
	steps, err := plan(l.graph, l.rows)
	if len(l.strangers) == 0 {
		return steps, err
	}
	var unknown *graph.UnknownRevisionError
	if errors.As(err, &unknown) {
		return plan(s.graph, s.heads)
	}
	if err != nil {
		return nil, err
	}
	return s.graph.Restate(steps, s.heads)
}

// isOurs reports whether an entry of the history is about an own revision, or
// one that follows an own one.
func (s *standing) isOurs(e *Entry) bool {
	return s.own.graph.Has(e.Revision) || slices.ContainsFunc(splitList(e.DownRevisions), s.own.graph.Has)
}
