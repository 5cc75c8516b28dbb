package graph

import "slices"

// versionRows are the rows that the version table will have after the steps planned
// so far. They are the applied revisions that no other applied revision follows or
// depends on.
type versionRows []*node

// upgrade returns the step that applies n, and changes the rows to those after the step.
func (rows *versionRows) upgrade(n *node) Step {
	step := Step{Revision: n.rev, Direction: Upgrade, From: idsOf(n.parents), To: []string{n.rev.ID}}
	rows.replace(&step, rows.present(n.below), n)
	return step
}

// downgrade returns the step that takes n back, and changes the rows to those after the
// step. Parents and dependencies of n become rows, unless another row still implies
// them.
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

// notImplied returns the nodes that are an ancestor or dependency neither of one of the
// others nor of one another.
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

// stamp returns the step that replaces the rows from by n. Earlier steps of the plan may
// have replaced some of these rows; From of the step names them nevertheless.
func (rows *versionRows) stamp(from []*node, n *node) Step {
	step := Step{Revision: n.rev, Direction: Stamp, From: idsOf(from), To: []string{n.rev.ID}}
	rows.replace(&step, rows.present(from), n)
	return step
}

// keep returns the step that leaves the row n, and removes the others of its lineage.
func (rows *versionRows) keep(n *node, others []*node) Step {
	*rows = filter(*rows, func(m *node) bool { return !slices.Contains(others, m) })
	return Step{Revision: n.rev, Direction: Stamp, From: idsOf(others), To: []string{n.rev.ID}, Deletes: idsOf(others)}
}

// unstamp returns the step that removes the row n.
func (rows *versionRows) unstamp(n *node) Step {
	*rows = filter(*rows, func(m *node) bool { return m != n })
	return Step{Direction: Stamp, From: []string{n.rev.ID}, Deletes: []string{n.rev.ID}}
}

// replace records in the step that n replaces some rows: the last of them is updated to n,
// and the others are deleted. Without rows to replace, n is inserted.
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

// present returns those of the nodes that are rows.
func (rows *versionRows) present(nodes []*node) []*node {
	return filter(nodes, func(n *node) bool { return slices.Contains(*rows, n) })
}
