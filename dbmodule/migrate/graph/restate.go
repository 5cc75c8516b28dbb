package graph

import (
	"fmt"
)

// RowsOf returns what a version table holds when these revisions are applied:
// those that no other of them comes after.
func (g *Graph) RowsOf(applied []string) ([]string, error) {
	nodes, err := g.recorded(applied)
	if err != nil {
		return nil, err
	}
	all := set{}
	all.add(nodes...)
	return idsOf(tips(stepBelow, all)), nil
}

// HeldError says that a revision can't be taken back while others are applied
// that come after it or depend on it.
type HeldError struct {
	Revision string
	// By are the others.
	By []string
}

// Error names the revisions and the way out.
func (e *HeldError) Error() string {
	return fmt.Sprintf("migrate: %s can't be taken back: %s, which is of another program, needs it: take that one back first, by its name",
		e.Revision, commas(e.By))
}

// Restate returns the upgrades and downgrades of a plan that was made with
// fewer revisions, with the changes that they make to these rows here. It is a
// [HeldError] if one would be taken back that another one needs.
func (g *Graph) Restate(steps []Step, current []string) ([]Step, error) {
	nodes, err := g.recorded(current)
	if err != nil {
		return nil, err
	}
	rows := versionRows(nodes)
	restated := make([]Step, len(steps))
	for i, step := range steps {
		n := g.byID(step.Revision.ID)
		if step.Direction == Upgrade {
			restated[i] = rows.upgrade(n)
			continue
		}
		applied := closure(stepBelow, rows...)
		if by := filter(n.following, func(m *node) bool { return applied[m] }); len(by) > 0 {
			return nil, &HeldError{n.rev.ID, idsOf(by)}
		}
		restated[i] = rows.downgrade(n)
	}
	return restated, nil
}
