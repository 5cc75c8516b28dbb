package graph

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// set is a set of nodes.
type set map[*node]bool

func (s set) add(nodes ...*node) {
	for _, n := range nodes {
		s[n] = true
	}
}

func (s set) any(is func(*node) bool) bool {
	for n := range s {
		if is(n) {
			return true
		}
	}
	return false
}

// without returns the nodes of s that are not in other.
func (s set) without(other set) set {
	rest := maps.Clone(s)
	maps.DeleteFunc(rest, func(n *node, _ bool) bool { return other[n] })
	return rest
}

// within returns the nodes that are in both sets.
func (s set) within(other set) set {
	both := maps.Clone(s)
	maps.DeleteFunc(both, func(n *node, _ bool) bool { return !other[n] })
	return both
}

// list returns the nodes in the graph's order.
func (s set) list() []*node { return slices.SortedFunc(maps.Keys(s), byIndex) }

func byIndex(a, b *node) int { return cmp.Compare(a.index, b.index) }

// stepFunc returns the nodes to which one link of a kind leads.
type stepFunc func(*node) []*node

func stepParents(n *node) []*node   { return n.parents }
func stepBelow(n *node) []*node     { return n.below }
func stepNext(n *node) []*node      { return n.next }
func stepFollowing(n *node) []*node { return n.following }

// stepDown returns the parents and all dependencies, also those that an ancestor declares
// too.
func stepDown(n *node) []*node { return append(slices.Clip(n.parents), n.depends...) }

// closure returns the nodes from, and all nodes that can be reached from them by steps.
func closure(step stepFunc, from ...*node) set {
	seen := make(set, len(from))
	todo := slices.Clone(from)
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[n] {
			seen[n] = true
			todo = append(todo, step(n)...)
		}
	}
	return seen
}

// lineage returns the node with its ancestors and its descendants. It ignores
// dependencies.
func lineage(n *node) set {
	line := closure(stepParents, n)
	maps.Copy(line, closure(stepNext, n))
	return line
}

// fullLineage returns the node, all that it follows or depends on, and all that follows or
// depends on it, directly or not.
func fullLineage(n *node) set {
	line := closure(stepBelow, n)
	maps.Copy(line, closure(stepFollowing, n))
	return line
}

// tips returns the nodes of the set to which no step down from another node of the set
// leads, in the graph's order.
func tips(step stepFunc, nodes set) []*node {
	covered := set{}
	for n := range nodes {
		covered.add(step(n)...)
	}
	return filter(nodes.list(), func(n *node) bool { return !covered[n] })
}

// walk returns the node that is a number of steps up from a node, or down if the number is
// negative. A nil node is base. If line is not nil, walk goes up only to nodes in line. If
// there are too few revisions, walk returns the last one if clip is set, and an error
// otherwise. It also returns an error if it could go on to several revisions.
func (g *Graph) walk(from *node, steps int, line set, clip bool) (*node, error) {
	at := from
	for taken := range abs(steps) {
		choices, ok := g.walkChoices(at, steps > 0, line)
		switch {
		case ok && len(choices) == 1:
			at = choices[0]
		case ok && len(choices) > 1:
			return nil, fmt.Errorf("migrate: walk %+d from %s: several revisions come next (%s): name the one that is meant, or its branch as label@%+d",
				steps, name(from), commas(idsOf(choices)), steps)
		case clip:
			return at, nil
		default:
			return nil, fmt.Errorf("migrate: walk %+d from %s: there are only %d", steps, name(from), taken)
		}
	}
	return at, nil
}

// walkChoices returns the nodes to which one step can lead, and false if there is none. The
// step down from a base leads to nil, which is base.
func (g *Graph) walkChoices(at *node, up bool, line set) ([]*node, bool) {
	switch {
	case !up && at == nil:
		return nil, false
	case !up && at.isBase():
		return []*node{nil}, true
	case !up:
		return at.parents, true
	}
	choices := g.bases()
	if at != nil {
		choices = at.next
	}
	if line != nil {
		choices = filter(choices, func(n *node) bool { return line[n] })
	}
	return choices, len(choices) > 0
}

func abs(n int) int { return max(n, -n) }

// name returns the node's id, or "base" for nil.
func name(n *node) string {
	if n == nil {
		return "base"
	}
	return n.rev.ID
}
