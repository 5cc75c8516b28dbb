package graph

import "slices"

// strand is one of the lines that a sort follows down the graph.
type strand struct {
	at    *node // the next node of the line
	below set   // at and all below it; nodes that are done may remain in it
}

// sorted returns the nodes in Alembic's topological order, newest first. It goes down one
// line as far as possible, beginning at the first of the tips. It changes to another line
// if that one's next node is above this one's.
func sorted(nodes set) []*node {
	// The nodes between the given ones are sorted too, because they decide the order.
	list := nodes.list()
	s := sorter{todo: closure(stepBelow, list...).within(closure(stepFollowing, list...))}
	for _, n := range tips(stepBelow, s.todo) {
		s.strands = append(s.strands, strand{n, closure(stepBelow, n)})
	}
	s.run()
	return filter(s.done, func(n *node) bool { return nodes[n] })
}

type sorter struct {
	todo    set
	strands []strand
	done    []*node
}

func (s *sorter) run() {
	current := 0
	for len(s.strands) > 0 {
		if i := s.above(current); i >= 0 {
			current = i
			continue
		}
		n := s.strands[current].at
		s.done = append(s.done, n)
		delete(s.todo, n)
		if !s.descend(current) {
			s.strands = slices.Delete(s.strands, current, current+1)
			current = max(current-1, 0)
		}
	}
}

// above returns the index of the first other strand whose next node is above that of the
// current one; -1 if there is none.
func (s *sorter) above(current int) int {
	at := s.strands[current].at
	return slices.IndexFunc(s.strands, func(other strand) bool { return other.at != at && other.below[at] })
}

// descend moves the strand to the node below, and adds a strand for each further node below.
// It returns false if no node is left below.
func (s *sorter) descend(current int) bool {
	n := s.strands[current].at
	below := filter(n.below, func(m *node) bool { return s.todo[m] && !s.isAt(m) })
	if len(below) == 0 {
		return false
	}
	if len(n.below) == 1 {
		// Keep the set, although it contains n, which is done: to compute it for each
		// node of a long history is slow.
		s.strands[current].at = below[0]
		return true
	}
	s.strands[current] = strand{below[0], closure(stepBelow, below[0])}
	for _, m := range below[1:] {
		s.strands = append(s.strands, strand{m, closure(stepBelow, m)})
	}
	return true
}

// isAt reports whether n is the next node of a strand.
func (s *sorter) isAt(n *node) bool {
	return slices.ContainsFunc(s.strands, func(other strand) bool { return other.at == n })
}
