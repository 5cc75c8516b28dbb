package graph

// Applied returns all that is applied when the version table holds these rows,
// dependencies included, in the order of [Graph.Revisions].
func (g *Graph) Applied(current []string) ([]*Revision, error) {
	rows, err := g.recorded(current)
	if err != nil {
		return nil, err
	}
	applied := closure(stepBelow, rows...)
	return revisionsOf(filter(g.order, func(n *node) bool { return applied[n] })), nil
}

// AppliedHeads returns the applied revisions that no applied one follows: the
// rows of the version table and the revisions of other branches that they
// imply as dependencies. It is what the command current lists.
func (g *Graph) AppliedHeads(current []string) ([]*Revision, error) {
	rows, err := g.recorded(current)
	if err != nil {
		return nil, err
	}
	return revisionsOf(appliedHeads(rows)), nil
}

// Pending returns what is not applied when the version table holds these rows,
// in the order in which an upgrade to heads would run it.
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
