package graph

import (
	"fmt"
	"slices"
)

// DowngradePlan returns the steps that downgrade all applied revisions above the
// target, and those that depend on them. The target is a symbol of [Graph.Get],
// "base", label@base, or -2 or label@-2, which count down from the rows of the version
// table.
//
// If the version table has several rows, Alembic counts -2 from any one of them. Here
// it is an error that asks for the branch.
func (g *Graph) DowngradePlan(target string, current []string) ([]Step, error) {
	rows, err := g.recordedWithoutOverlap(current)
	if err != nil {
		return nil, err
	}
	label, end, err := g.downgradeTarget(target, rows)
	if err != nil {
		return nil, err
	}
	roots, err := g.downgradeRoots(label, end)
	if err != nil {
		return nil, err
	}
	undone := closure(stepFollowing, roots...).within(closure(stepBelow, rows...))
	if end != nil && len(undone) == 0 && !slices.Contains(rows, end) {
		return nil, fmt.Errorf("migrate: %s is no revision to downgrade to: %w", target, unprefixed(&NotAncestorError{end.rev.ID, commas(current)}))
	}
	state := versionRows(rows)
	var steps []Step
	for _, n := range sorted(undone) {
		steps = append(steps, state.downgrade(n))
	}
	return steps, nil
}

// downgradeTarget returns the branch to downgrade, "" for all branches, and the revision to
// downgrade to, nil for base.
func (g *Graph) downgradeTarget(target string, rows []*node) (string, *node, error) {
	s, err := g.parse(target)
	if err != nil {
		return "", nil, err
	}
	if s.relative && s.name == "" {
		return g.downgradeFromRows(s, rows)
	}
	if s.relative {
		n, err := g.relativeToName(s, false)
		return s.label, n, err
	}
	n, err := g.one(symbol{text: s.text, name: s.name})
	return s.label, n, err
}

// downgradeFromRows resolves -2 and label@-2, which count down from the version table's rows.
func (g *Graph) downgradeFromRows(s symbol, rows []*node) (string, *node, error) {
	if s.steps >= 0 {
		return "", nil, fmt.Errorf("migrate: %s does not lead to an earlier revision than the database's: write -N with N above 0, or a revision from which to count, as in 1f0c2d9a4b7e-1", s.text)
	}
	starts := rows
	label := s.label
	if label != "" {
		line, err := g.lineOf(label)
		if err != nil {
			return "", nil, err
		}
		starts = appliedOn(line, rows)
	}
	switch {
	case len(starts) == 0:
		return "", nil, fmt.Errorf("migrate: walk %s: the database has applied no revision from which to count", s.text)
	case len(starts) > 1:
		return "", nil, fmt.Errorf("migrate: %s could start at any of %s: narrow it by a branch as label@%+d, or name the revision to go down to",
			s.text, commas(idsOf(starts)), s.steps)
	case label == "":
		label = starts[0].rev.ID
	}
	n, err := g.walk(starts[0], s.steps, nil, false)
	return label, n, err
}

// appliedOn returns the rows that are in line. If none is, it returns the applied heads that
// are.
func appliedOn(line set, rows []*node) []*node {
	isOn := func(n *node) bool { return line[n] }
	if on := filter(rows, isOn); len(on) > 0 {
		return on
	}
	return filter(appliedHeads(rows), isOn)
}

// appliedHeads returns the applied revisions that no applied one follows: the rows, and
// revisions that have no row because another one depends on them.
func appliedHeads(rows []*node) []*node {
	return tips(stepParents, closure(stepBelow, rows...))
}

// downgradeRoots returns the children of end, or the bases if end is nil. The plan downgrades
// these and all above them. If there are several and label is not "", it returns only those
// that lead to what label names.
func (g *Graph) downgradeRoots(label string, end *node) ([]*node, error) {
	roots := g.bases()
	if end != nil {
		roots = end.next
	}
	if label == "" || len(roots) < 2 {
		return roots, g.checkLabel(label)
	}
	branch, err := g.named(label)
	if err != nil {
		return nil, err
	}
	leading := closure(stepParents, branch)
	roots = filter(roots, func(n *node) bool { return leading[n] })
	if len(roots) == 0 {
		return nil, fmt.Errorf("migrate: downgrade to %s on the branch %q: nothing on the branch comes right after it", name(end), label)
	}
	return roots, nil
}
