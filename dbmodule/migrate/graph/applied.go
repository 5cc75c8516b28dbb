package graph

// Applied returns the revisions that are applied when the version table has these
// rows: those of the rows, their ancestors and all dependencies. They are in the
// order of [Graph.Revisions].
func (g *Graph) Applied(current []string) ([]*Revision, error) {
	rows, err := g.recorded(current)
	if err != nil {
		return nil, err
	}
	applied := closure(stepBelow, rows...)
	return revisionsOf(filter(g.order, func(n *node) bool { return applied[n] })), nil
}

// AppliedHeads returns the applied revisions that no applied one follows. These are
// the rows of the version table, and revisions of other branches that have no row
// because a row depends on them. The command current lists them.
func (g *Graph) AppliedHeads(current []string) ([]*Revision, error) {
	rows, err := g.recorded(current)
	if err != nil {
		return nil, err
	}
	return revisionsOf(appliedHeads(rows)), nil
}

// Pending returns the revisions that are not applied when the version table has
// these rows, in the order in which an upgrade to heads would run them.
func (g *Graph) Pending(current []string) ([]*Revision, error) {
	steps, err := g.UpgradePlan([]string{"heads"}, current)
	if err != nil {
		return nil, err
	}
	pending := make([]*Revision, len(steps))
	for i, step := range steps {
		pending[i] = step.Revision
	}
	return pending, nil
}
