package graph

import (
	"maps"
	"slices"
)

// Graph is the revisions and how they follow one another: Alembic's
// RevisionMap. It is immutable and safe for concurrent use.
//
// Where Alembic leaves an order to chance, the order in which the revisions
// were given decides.
type Graph struct {
	nodes []*node          // as given
	names map[string]*node // by id, and by the labels that revisions declare
	order []*node          // each after its parents and dependencies
}

// node is a revision's place in the graph. All its slices are in the graph's
// order, but for those that the revision itself orders.
type node struct {
	rev    *Revision
	index  int
	labels []string // of all branches it is on, sorted

	parents   []*node // by DownRevisions
	depends   []*node // by DependsOn
	below     []*node // parents, then the dependencies that no ancestor has
	next      []*node // which it is a parent of
	following []*node // which it is a parent or dependency of
}

// New puts the revisions together. Its error names each revision that
// doesn't fit, where it is and the way out: ids and labels that are malformed
// or taken, parents and dependencies that don't exist, cycles.
func New(revisions []*Revision) (*Graph, error) {
	b := newBuilder(len(revisions))
	for _, r := range revisions {
		b.add(r)
	}
	return b.graph()
}

// With returns a graph that has further revisions, those that only the
// database's history knows. One whose id is there already is left out, and so
// is a label that is taken: what the graph had goes first.
func (g *Graph) With(extra ...*Revision) (*Graph, error) {
	revisions := g.given()
	known := maps.Clone(g.names)
	for _, r := range extra {
		if n := known[r.ID]; n != nil && n.rev.ID == r.ID {
			continue
		}
		r = withoutLabels(r, known)
		n := &node{rev: r}
		known[r.ID] = n
		for _, label := range r.BranchLabels {
			known[label] = n
		}
		revisions = append(revisions, r)
	}
	return New(revisions)
}

// withoutLabels returns the revision, or a copy of it that lacks the labels
// which are names already.
func withoutLabels(r *Revision, taken map[string]*node) *Revision {
	isTaken := func(label string) bool { return taken[label] != nil }
	if !slices.ContainsFunc(r.BranchLabels, isTaken) {
		return r
	}
	r2 := *r
	r2.BranchLabels = slices.DeleteFunc(slices.Clone(r.BranchLabels), isTaken)
	return &r2
}

// given returns the revisions in the order in which they were given.
func (g *Graph) given() []*Revision { return revisionsOf(g.nodes) }

// Revisions returns all revisions, each after its parents and dependencies.
func (g *Graph) Revisions() []*Revision { return revisionsOf(g.order) }

// Heads returns the revisions that none follows. One that another depends on
// is a head too, an "effective head", but has no row of its own in the version
// table once the other is applied: see [Graph.HeadRows].
func (g *Graph) Heads() []*Revision { return revisionsOf(g.heads()) }

// HeadRows returns the revisions that a version table holds when everything is
// applied: the heads, without those that others depend on. The target "heads"
// means these.
func (g *Graph) HeadRows() []*Revision { return revisionsOf(g.headRows()) }

// Bases returns the revisions that follow none.
func (g *Graph) Bases() []*Revision { return revisionsOf(g.bases()) }

// Has reports whether the id is, in full, a revision's.
func (g *Graph) Has(id string) bool { return g.byID(id) != nil }

// Next returns the revisions that follow the one with this id, not those that
// only depend on it.
func (g *Graph) Next(id string) []*Revision {
	if n := g.byID(id); n != nil {
		return revisionsOf(n.next)
	}
	return nil
}

// Labels returns the names of the branches that the revision with this id is
// on, sorted. A branch is all that follows the revision which declares the
// label, and what leads to it in a line of its own, without branching.
func (g *Graph) Labels(id string) []string {
	if n := g.byID(id); n != nil {
		return slices.Clone(n.labels)
	}
	return nil
}

// IsHead reports whether no revision follows the one with this id.
func (g *Graph) IsHead(id string) bool {
	n := g.byID(id)
	return n != nil && n.isHead()
}

// IsBranchPoint reports whether several revisions follow the one with this id.
func (g *Graph) IsBranchPoint(id string) bool {
	n := g.byID(id)
	return n != nil && n.isBranchPoint()
}

func (g *Graph) byID(id string) *node {
	if n := g.names[id]; n != nil && n.rev.ID == id {
		return n
	}
	return nil
}

func (g *Graph) heads() []*node    { return filter(g.nodes, (*node).isHead) }
func (g *Graph) headRows() []*node { return filter(g.nodes, (*node).isHeadRow) }
func (g *Graph) bases() []*node    { return filter(g.nodes, (*node).isBase) }

func (n *node) isBase() bool        { return len(n.parents) == 0 }
func (n *node) isHead() bool        { return len(n.next) == 0 }
func (n *node) isHeadRow() bool     { return len(n.following) == 0 }
func (n *node) isBranchPoint() bool { return len(n.next) > 1 }
func (n *node) isMergePoint() bool  { return len(n.parents) > 1 }

func revisionsOf(nodes []*node) []*Revision {
	revisions := make([]*Revision, len(nodes))
	for i, n := range nodes {
		revisions[i] = n.rev
	}
	return revisions
}

func idsOf(nodes []*node) []string {
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.rev.ID
	}
	return ids
}

func filter(nodes []*node, keep func(*node) bool) []*node {
	var kept []*node
	for _, n := range nodes {
		if keep(n) {
			kept = append(kept, n)
		}
	}
	return kept
}
