package graph

import "slices"

// strand is a place up to which a walk down the graph has come.
type strand struct {
	at    *node
	below set // what is at or below it, and may be done
}

// sorted returns the nodes, those that come after others first, in Alembic's
// order: it goes down one line as far as it can, beginning at the first of the
// tips, and turns to another when that has to come before.
func sorted(nodes set) []*node {
	// What lies between the nodes is walked, too, for their order.
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

// above returns the first other strand that comes after this one, or -1.
func (s *sorter) above(current int) int {
	at := s.strands[current].at
	return slices.IndexFunc(s.strands, func(other strand) bool { return other.at != at && other.below[at] })
}

// descend moves the strand to what is below it, with new strands if that is
// several. It reports whether anything is.
func (s *sorter) descend(current int) bool {
	n := s.strands[current].at
	below := filter(n.below, func(m *node) bool { return s.todo[m] && !s.isAt(m) })
	if len(below) == 0 {
		return false
	}
	if len(n.below) == 1 {
		// The set, though n is done, serves on: to make it anew at each step of a
		// long history is slow.
		s.strands[current].at = below[0]
		return true
	}
	s.strands[current] = strand{below[0], closure(stepBelow, below[0])}
	for _, m := range below[1:] {
		s.strands = append(s.strands, strand{m, closure(stepBelow, m)})
	}
	return true
}

func (s *sorter) isAt(n *node) bool {
	return slices.ContainsFunc(s.strands, func(other strand) bool { return other.at == n })
}
