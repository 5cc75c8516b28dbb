package graph

import (
	"errors"
	"fmt"
	"slices"
)

// NewRevision describes a revision to create.
type NewRevision struct {
	ID      string
	Message string
	// Heads are the revisions to follow, as symbols of [Graph.Select]. The default
	// is "head". Several make the new revision a merge point; "base" makes it a base.
	Heads []string
	// Splice allows Heads that are no heads. The new revision then begins a branch.
	Splice       bool
	BranchLabels []string
	DependsOn    []string
}

// PlanRevision returns the new revision, with the ids of the revisions that it
// follows and depends on. A dependency that is given by a label keeps the label. If the
// revision does not fit into the graph, PlanRevision returns an error.
func (g *Graph) PlanRevision(n NewRevision) (*Revision, error) {
	parents, err := g.newParents(n)
	if err != nil {
		return nil, err
	}
	dependencies, err := g.newDependencies(n.DependsOn)
	if err != nil {
		return nil, err
	}
	r := &Revision{
		ID: n.ID, Message: n.Message,
		DownRevisions: idsOf(parents), DependsOn: dependencies, BranchLabels: slices.Clone(n.BranchLabels),
	}
	// It has no folder yet. Errors name the folder "new".
	r.Folder = "new"
	if _, err := New(append(g.given(), r)); err != nil {
		return nil, err
	}
	r.Folder = ""
	return r, nil
}

func (g *Graph) newParents(n NewRevision) ([]*node, error) {
	heads := n.Heads
	if len(heads) == 0 {
		heads = []string{"head"}
	}
	var parents []*node
	for _, head := range heads {
		nodes, err := g.selected(head)
		if err != nil {
			return nil, newHeadError(err)
		}
		for _, p := range nodes {
			if !n.Splice && !p.isHead() {
				return nil, fmt.Errorf("migrate: %s is not a head, %s follows it already: name a head, or branch off here with splice", p.rev.ID, commas(idsOf(p.next)))
			}
			parents = append(parents, p)
		}
	}
	return parents, nil
}

// newHeadError adds to a MultipleHeadsError that the heads could precede the new revision.
func newHeadError(err error) error {
	var several *MultipleHeadsError
	if !errors.As(err, &several) {
		return err
	}
	return fmt.Errorf("migrate: several revisions could come before the new one: %w", unprefixed(err))
}

func (g *Graph) newDependencies(symbols []string) ([]string, error) {
	var dependencies []string
	for _, symbol := range symbols {
		r, err := g.Get(symbol)
		if err != nil {
			return nil, fmt.Errorf("migrate: depend on %q: %w", symbol, unprefixed(err))
		}
		if !slices.Contains(g.Labels(r.ID), symbol) {
			symbol = r.ID
		}
		dependencies = append(dependencies, symbol)
	}
	return dependencies, nil
}
