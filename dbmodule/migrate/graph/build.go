package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// builder makes a graph, and collects all problems of the revisions.
type builder struct {
	g    *Graph
	errs []error
}

func newBuilder(size int) *builder {
	return &builder{g: &Graph{nodes: make([]*node, 0, size), names: make(map[string]*node, size)}}
}

func (b *builder) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(format, args...))
}

// add makes a node of the revision, unless its id is malformed or in use.
func (b *builder) add(r *Revision) {
	if err := checkID(r.ID); err != nil {
		b.fail("%s has an id that can't be one: %w", describe(r), err)
		return
	}
	if other := b.g.names[r.ID]; other != nil {
		b.fail("%s has the id of %s: give one of them another, in its revision.txt and wherever it is named", describe(r), describe(other.rev))
		return
	}
	n := &node{rev: r, index: len(b.g.nodes)}
	b.g.nodes = append(b.g.nodes, n)
	b.g.names[r.ID] = n
}

// graph links the nodes and returns the graph. Each stage uses the results of the
// stages before it.
func (b *builder) graph() (*Graph, error) {
	b.nameBranches()
	b.linkParents()
	b.linkDependencies()
	b.checkCycles()
	if len(b.errs) > 0 {
		return nil, fmt.Errorf("migrate: put the revisions together: %w", errors.Join(b.errs...))
	}
	b.linkBelow()
	b.linkAbove()
	b.spreadLabels()
	b.g.order = sorted(closure(stepBelow, b.g.nodes...))
	slices.Reverse(b.g.order)
	return b.g, nil
}

// nameBranches makes each label a name of the revision that declares it.
func (b *builder) nameBranches() {
	for _, n := range b.g.nodes {
		for _, label := range n.rev.BranchLabels {
			b.nameBranch(n, label)
		}
	}
}

func (b *builder) nameBranch(n *node, label string) {
	if err := checkLabel(label); err != nil {
		b.fail("%s has a branch label that can't be one: %w", describe(n.rev), err)
		return
	}
	switch other := b.g.names[label]; {
	case other == nil:
		b.g.names[label] = n
	case other.rev.ID == label:
		b.fail("%s has the branch label %q, which is the id of %s: choose another label", describe(n.rev), label, describe(other.rev))
	case other == n:
		b.fail("%s has the branch label %q twice: remove one", describe(n.rev), label)
	default:
		b.fail("%s has the branch label %q, as has %s: keep it in the one where the branch begins", describe(n.rev), label, describe(other.rev))
	}
}

func (b *builder) linkParents() {
	for _, n := range b.g.nodes {
		for _, id := range n.rev.DownRevisions {
			switch parent := b.g.byID(id); {
			case id == n.rev.ID:
				b.fail("%s follows itself: let Revises name the revision before it", describe(n.rev))
			case parent == nil:
				b.fail("%s follows %q, which does not exist%s: restore it, or let Revises name the revision before", describe(n.rev), id, b.g.hint(id))
			case slices.Contains(n.parents, parent):
				b.fail("%s follows %s twice: name it once", describe(n.rev), id)
			default:
				n.parents = append(n.parents, parent)
			}
		}
	}
}

func (b *builder) linkDependencies() {
	for _, n := range b.g.nodes {
		for _, symbol := range n.rev.DependsOn {
			switch dependency, err := b.g.named(symbol); {
			case err != nil:
				b.fail("%s depends on what is no revision: %w", describe(n.rev), unprefixed(err))
			case dependency == n:
				b.fail("%s depends on itself: remove %q from Depends On", describe(n.rev), symbol)
			case !slices.Contains(n.depends, dependency):
				n.depends = append(n.depends, dependency)
			}
		}
	}
}

// linkBelow finds the revisions that may replace a revision's row in the version
// table when it is downgraded: its parents and dependencies. It leaves out a
// dependency that an ancestor declares too, because the ancestor still implies it.
func (b *builder) linkBelow() {
	for _, n := range b.g.nodes {
		n.below = slices.Clone(n.parents)
		if len(n.depends) == 0 {
			continue
		}
		inherited := set{}
		for a := range closure(stepParents, n) {
			if a != n {
				inherited.add(a.depends...)
			}
		}
		for _, d := range n.depends {
			if !inherited[d] && !slices.Contains(n.below, d) {
				n.below = append(n.below, d)
			}
		}
	}
}

func (b *builder) linkAbove() {
	for _, n := range b.g.nodes {
		for _, p := range n.parents {
			p.next = append(p.next, n)
			p.following = append(p.following, n)
		}
		for _, d := range n.depends {
			if !slices.Contains(n.parents, d) {
				d.following = append(d.following, n)
			}
		}
	}
}

// spreadLabels gives each label to the descendants of the revision that declares it.
// If none of these is a junction, it also gives the label to the ancestors, down to
// the first junction.
func (b *builder) spreadLabels() {
	for _, n := range b.g.nodes {
		if len(n.rev.BranchLabels) == 0 {
			continue
		}
		above := closure(stepNext, n)
		for m := range above {
			m.label(n.rev.BranchLabels)
		}
		if !above.any((*node).isJunction) {
			for m := n; m != nil && !m.isJunction(); m = m.onlyParent() {
				m.label(n.rev.BranchLabels)
			}
		}
	}
}

// isJunction reports whether the node is a junction: it is a merge point, or several
// nodes follow or depend on it.
func (n *node) isJunction() bool { return len(n.following) > 1 || n.isMergePoint() }

// onlyParent returns the node's parent, or nil if it has none or several.
func (n *node) onlyParent() *node {
	if len(n.parents) == 1 {
		return n.parents[0]
	}
	return nil
}

// label adds labels to the node's own.
func (n *node) label(labels []string) {
	n.labels = append(n.labels, labels...)
	slices.Sort(n.labels)
	n.labels = slices.Compact(n.labels)
}

// describe returns a revision's id and folder, for errors.
func describe(r *Revision) string {
	if r.Folder == "" {
		return fmt.Sprintf("revision %q (which only the database knows)", r.ID)
	}
	return fmt.Sprintf("revision %q (%s)", r.ID, strings.TrimSuffix(r.Folder, "/"))
}
