package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// builder makes a graph and collects what is wrong with it.
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

// add makes a node of the revision, if its id can be one.
func (b *builder) add(r *Revision) {
	if err := checkID(r.ID); err != nil {
		b.fail("%s has an id that can't be one: %w", place(r), err)
		return
	}
	if other := b.g.names[r.ID]; other != nil {
		b.fail("%s has the id of %s: give one of them another, in its revision.txt and wherever it is named", place(r), place(other.rev))
		return
	}
	n := &node{rev: r, index: len(b.g.nodes)}
	b.g.nodes = append(b.g.nodes, n)
	b.g.names[r.ID] = n
}

// graph links the nodes. Each stage needs what those before it found out.
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

// nameBranches makes labels names of the revisions that declare them.
func (b *builder) nameBranches() {
	for _, n := range b.g.nodes {
		for _, label := range n.rev.BranchLabels {
			b.nameBranch(n, label)
		}
	}
}

func (b *builder) nameBranch(n *node, label string) {
	if err := checkLabel(label); err != nil {
		b.fail("%s has a branch label that can't be one: %w", place(n.rev), err)
		return
	}
	switch other := b.g.names[label]; {
	case other == nil:
		b.g.names[label] = n
	case other.rev.ID == label:
		b.fail("%s has the branch label %q, which is the id of %s: choose another label", place(n.rev), label, place(other.rev))
	case other == n:
		b.fail("%s has the branch label %q twice: remove one", place(n.rev), label)
	default:
		b.fail("%s has the branch label %q, as has %s: keep it in the one where the branch begins", place(n.rev), label, place(other.rev))
	}
}

func (b *builder) linkParents() {
	for _, n := range b.g.nodes {
		for _, id := range n.rev.DownRevisions {
			switch parent := b.g.byID(id); {
			case id == n.rev.ID:
				b.fail("%s follows itself: let Revises name the revision before it", place(n.rev))
			case parent == nil:
				b.fail("%s follows %q, which does not exist%s: restore it, or let Revises name the revision before", place(n.rev), id, b.g.hint(id))
			case slices.Contains(n.parents, parent):
				b.fail("%s follows %s twice: name it once", place(n.rev), id)
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
				b.fail("%s depends on what is no revision: %w", place(n.rev), unprefixed(err))
			case dependency == n:
				b.fail("%s depends on itself: remove %q from Depends On", place(n.rev), symbol)
			case !slices.Contains(n.depends, dependency):
				n.depends = append(n.depends, dependency)
			}
		}
	}
}

// linkBelow finds what takes the place of a revision's row when it is taken
// back: a dependency that an ancestor has too stays with the ancestor.
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

// spreadLabels carries each label up the branch that it begins, and down the
// line that leads to it if nothing branches or merges on the way.
func (b *builder) spreadLabels() {
	for _, n := range b.g.nodes {
		if len(n.rev.BranchLabels) == 0 {
			continue
		}
		above := closure(stepNext, n)
		for m := range above {
			m.label(n.rev.BranchLabels)
		}
		if !above.any((*node).isKnot) {
			for m := n; m != nil && !m.isKnot(); m = m.onlyParent() {
				m.label(n.rev.BranchLabels)
			}
		}
	}
}

// isKnot reports whether lines meet here.
func (n *node) isKnot() bool { return len(n.following) > 1 || n.isMergePoint() }

func (n *node) onlyParent() *node {
	if len(n.parents) == 1 {
		return n.parents[0]
	}
	return nil
}

func (n *node) label(labels []string) {
	n.labels = append(n.labels, labels...)
	slices.Sort(n.labels)
	n.labels = slices.Compact(n.labels)
}

// place names a revision so that its file is found.
func place(r *Revision) string {
	if r.Folder == "" {
		return fmt.Sprintf("revision %q (which only the database knows)", r.ID)
	}
	return fmt.Sprintf("revision %q (%s)", r.ID, strings.TrimSuffix(r.Folder, "/"))
}
