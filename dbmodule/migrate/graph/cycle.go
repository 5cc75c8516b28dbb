package graph

import (
	"slices"
	"strings"
)

// checkCycles reports cycles of revisions: first those of parents alone, then those that
// include dependencies.
func (b *builder) checkCycles() {
	cycles := b.g.cycles(stepParents)
	for _, c := range cycles {
		b.fail("%s follow one another in a circle: let Revises of one of them name a revision outside of it", describeAll(c))
	}
	isReported := func(c []*node) bool {
		return slices.ContainsFunc(cycles, func(other []*node) bool { return slices.Equal(c, other) })
	}
	for _, c := range b.g.cycles(stepDown) {
		if !isReported(c) {
			b.fail("%s depend on one another in a circle: remove what one of them depends on", describeAll(c))
		}
	}
}

// cycles returns the sets of nodes that can be reached from one another by steps, each in
// the graph's order.
func (g *Graph) cycles(step stepFunc) [][]*node {
	c := cycleSearch{step: step, entered: map[*node]int{}, lowest: map[*node]int{}, open: set{}}
	for _, n := range g.nodes {
		if c.entered[n] == 0 {
			c.enter(n)
		}
	}
	return c.found
}

// cycleSearch is Tarjan's algorithm for strongly connected components.
type cycleSearch struct {
	step            stepFunc
	entered, lowest map[*node]int // counted from 1
	open            set
	stack           []*node
	found           [][]*node
}

func (c *cycleSearch) enter(n *node) {
	c.entered[n] = len(c.entered) + 1
	c.lowest[n] = c.entered[n]
	c.open[n] = true
	c.stack = append(c.stack, n)
	for _, m := range c.step(n) {
		if c.entered[m] == 0 {
			c.enter(m)
			c.lowest[n] = min(c.lowest[n], c.lowest[m])
		} else if c.open[m] {
			c.lowest[n] = min(c.lowest[n], c.entered[m])
		}
	}
	if c.lowest[n] == c.entered[n] {
		c.leave(n)
	}
}

// leave pops the component that was entered at n from the stack.
func (c *cycleSearch) leave(n *node) {
	at := slices.Index(c.stack, n)
	component := slices.Clone(c.stack[at:])
	c.stack = c.stack[:at]
	for _, m := range component {
		delete(c.open, m)
	}
	if len(component) > 1 {
		slices.SortFunc(component, byIndex)
		c.found = append(c.found, component)
	}
}

func describeAll(nodes []*node) string {
	texts := make([]string, len(nodes))
	for i, n := range nodes {
		texts[i] = describe(n.rev)
	}
	return strings.Join(texts, ", ")
}
