package graph

import "slices"

// versionRows are the rows of the version table while steps are planned: the
// applied revisions of which no other applied one comes after them.
type versionRows []*node

// upgrade returns the step that applies n, and makes its rows those after it.
func (rows *versionRows) upgrade(n *node) Step {
	step := Step{Revision: n.rev, Direction: Upgrade, From: idsOf(n.parents), To: []string{n.rev.ID}}
	rows.replace(&step, rows.present(n.below), n)
	return step
}

// downgrade returns the step that takes n back, and makes its rows those after
// it. What n came after becomes a row unless another one still implies it.
func (rows *versionRows) downgrade(n *node) Step {
	step := Step{Revision: n.rev, Direction: Downgrade, From: []string{n.rev.ID}, To: idsOf(n.parents)}
	others := filter(*rows, func(m *node) bool { return m != n })
	exposed := notImplied(n.below, others)
	if len(exposed) == 0 {
		step.Deletes = []string{n.rev.ID}
	} else {
		last := len(exposed) - 1
		if last > 0 {
			step.Inserts = idsOf(exposed[:last])
		}
		step.Updates = []RowUpdate{{n.rev.ID, exposed[last].rev.ID}}
	}
	*rows = append(others, exposed...)
	return step
}

// notImplied returns the nodes that come before none of the others, nor before
// each other.
func notImplied(nodes, others []*node) []*node {
	implied := closure(stepBelow, others...)
	if len(nodes) > 1 {
		for _, m := range nodes {
			for a := range closure(stepBelow, m) {
				implied[a] = implied[a] || a != m
			}
		}
	}
	return filter(nodes, func(m *node) bool { return !implied[m] })
}

// stamp returns the step that puts n in the place of what is on its line, the
// rows from of which some may be gone by now.
func (rows *versionRows) stamp(from []*node, n *node) Step {
	step := Step{Revision: n.rev, Direction: Stamp, From: idsOf(from), To: []string{n.rev.ID}}
	rows.replace(&step, rows.present(from), n)
	return step
}

// keep returns the step that removes what else is on the line of the row n.
func (rows *versionRows) keep(n *node, others []*node) Step {
	*rows = filter(*rows, func(m *node) bool { return !slices.Contains(others, m) })
	return Step{Revision: n.rev, Direction: Stamp, From: idsOf(others), To: []string{n.rev.ID}, Deletes: idsOf(others)}
}

// unstamp returns the step that removes n.
func (rows *versionRows) unstamp(n *node) Step {
	*rows = filter(*rows, func(m *node) bool { return m != n })
	return Step{Direction: Stamp, From: []string{n.rev.ID}, Deletes: []string{n.rev.ID}}
}

// replace puts n in the place of some rows: the last of them becomes n.
func (rows *versionRows) replace(step *Step, replaced []*node, n *node) {
	if len(replaced) == 0 {
		step.Inserts = []string{n.rev.ID}
	} else {
		last := len(replaced) - 1
		if last > 0 {
			step.Deletes = idsOf(replaced[:last])
		}
		step.Updates = []RowUpdate{{replaced[last].rev.ID, n.rev.ID}}
	}
	rest := filter(*rows, func(m *node) bool { return !slices.Contains(replaced, m) })
	*rows = append(rest, n)
}

// present returns the nodes that are rows.
func (rows *versionRows) present(nodes []*node) []*node {
	return filter(nodes, func(n *node) bool { return slices.Contains(*rows, n) })
}
