package graph

import (
	"maps"
	"slices"
)

// Graph holds revisions and the links between them, like Alembic's RevisionMap.
// It is immutable and safe for concurrent use.
//
// Where Alembic's order is undefined, a Graph uses the order in which [New] got
// the revisions.
type Graph struct {
	nodes []*node          // in the order in which New got them
	names map[string]*node // by id, and by the labels that revisions declare
	order []*node          // each after its parents and dependencies
}

// node is a revision with its links. parents and depends have the order of the
// revision's own lists, and below begins with the parents. The other slices of
// nodes have the order of Graph.nodes.
type node struct {
	rev    *Revision
	index  int      // in Graph.nodes
	labels []string // the labels of all branches that it is on, sorted

	parents   []*node // the revisions of DownRevisions
	depends   []*node // the revisions of DependsOn
	below     []*node // the parents, then the dependencies that no ancestor declares too
	next      []*node // its children: the nodes that have it as a parent
	following []*node // the nodes that have it as a parent or a dependency
}

// New makes a graph of the revisions. Its error joins all problems: malformed
// or duplicate ids and labels, parents and dependencies that don't exist, and
// cycles. Each names the revision and its folder, and says what to do.
func New(revisions []*Revision) (*Graph, error) {
	b := newBuilder(len(revisions))
	for _, r := range revisions {
		b.add(r)
	}
	return b.graph()
}

// With returns a graph with extra revisions, which are those that only the
// database's history knows. The graph's own revisions take precedence: With
// leaves out an extra revision whose id exists, and a label that is in use.
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

// withoutLabels returns the revision, or a copy without its labels that are in
// use.
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

// Revisions returns all revisions, each after its parents and its dependencies.
func (g *Graph) Revisions() []*Revision { return revisionsOf(g.order) }

// Heads returns the heads: the revisions that no other revision follows. A head
// that another revision depends on is an "effective head". Once the other
// revision is applied, the effective head has no row of its own in the version
// table: see [Graph.HeadRows].
func (g *Graph) Heads() []*Revision { return revisionsOf(g.heads()) }

// HeadRows returns the revisions that have a row in the version table when all
// are applied: the heads that no other revision depends on. The target "heads"
// means these.
func (g *Graph) HeadRows() []*Revision { return revisionsOf(g.headRows()) }

// Bases returns the revisions that follow no other one.
func (g *Graph) Bases() []*Revision { return revisionsOf(g.bases()) }

// Has reports whether the graph has a revision with exactly this id.
func (g *Graph) Has(id string) bool { return g.byID(id) != nil }

// Next returns the revisions that follow the one with this id. Revisions that
// only depend on it are not among them.
func (g *Graph) Next(id string) []*Revision {
	if n := g.byID(id); n != nil {
		return revisionsOf(n.next)
	}
	return nil
}

// Labels returns the labels of the branches that the revision with this id is
// on, sorted. A branch consists of the revision that declares the label and all
// its descendants. If nothing branches or merges in these, its ancestors down to
// the first branch point or merge point are on the branch, too.
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

// byID returns the node with exactly this id, or nil.
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
