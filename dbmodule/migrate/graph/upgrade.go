package graph

import "fmt"

// UpgradePlan returns the steps that upgrade a database with these rows to the
// targets; none if they are applied. A target is a symbol of [Graph.Select], with two
// differences: +2 and label@+2 count up from the rows, and steps down need a name to
// count from, as in name-2. If one target implies another, the error is an
// [OverlapError].
func (g *Graph) UpgradePlan(targets, current []string) ([]Step, error) {
	rows, err := g.recordedWithoutOverlap(current)
	if err != nil {
		return nil, err
	}
	var wanted []*node
	for _, target := range targets {
		nodes, err := g.upgradeTarget(target, rows, false)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, nodes...)
	}
	if err := checkOverlap(wanted, false); err != nil {
		return nil, err
	}
	needed := closure(stepBelow, wanted...).without(closure(stepBelow, rows...))
	return g.upgradeSteps(sorted(needed), rows), nil
}

// upgradeSteps returns the steps that apply the revisions, which are given newest first.
func (g *Graph) upgradeSteps(newestFirst, rows []*node) []Step {
	state := versionRows(rows)
	steps := make([]Step, 0, len(newestFirst))
	for i := len(newestFirst) - 1; i >= 0; i-- {
		steps = append(steps, state.upgrade(newestFirst[i]))
	}
	return steps
}

// upgradeTarget resolves a target. Steps without a name count up from the rows. With clip, a
// count beyond the last revision means the last one.
func (g *Graph) upgradeTarget(target string, rows []*node, clip bool) ([]*node, error) {
	s, err := g.parse(target)
	switch {
	case err != nil:
		return nil, err
	case !s.relative:
		return g.absolute(s)
	case s.name == "" && s.steps <= 0:
		return nil, fmt.Errorf("migrate: %s does not lead to a later revision than the database's: write +N with N above 0, or a revision from which to count, as in 1f0c2d9a4b7e+1", target)
	}
	n, err := g.walkUpgrade(s, rows, clip)
	switch {
	case err != nil:
		return nil, err
	case n == nil:
		return nil, fmt.Errorf("migrate: %s leads to base, which is no revision to upgrade to", target)
	}
	return []*node{n}, nil
}

func (g *Graph) walkUpgrade(s symbol, rows []*node, clip bool) (*node, error) {
	if s.name != "" {
		return g.relativeToName(s, clip)
	}
	line, err := g.lineOf(s.label)
	if err != nil {
		return nil, err
	}
	starts := rows
	if line != nil {
		starts = startsOn(line, rows)
	}
	switch len(starts) {
	case 0:
		return g.walk(nil, s.steps, line, clip)
	case 1:
		return g.walk(starts[0], s.steps, line, clip)
	default:
		return nil, fmt.Errorf("migrate: %s could start at any of %s: narrow it by a branch as label@%+d, or name a revision before it", s.text, commas(idsOf(starts)), s.steps)
	}
}

// startsOn returns the nodes from which a walk up the line starts: the rows that are in line,
// or if none is, the newest applied revisions that are.
func startsOn(line set, rows []*node) []*node {
	if on := filter(rows, func(n *node) bool { return line[n] }); len(on) > 0 {
		return on
	}
	return tips(stepBelow, closure(stepBelow, rows...).within(line))
}
