package graph

import (
	"fmt"
)

// RowsOf returns the rows of the version table when these revisions are applied:
// those that no other of them follows or depends on.
func (g *Graph) RowsOf(applied []string) ([]string, error) {
	nodes, err := g.recorded(applied)
	if err != nil {
		return nil, err
	}
	all := set{}
	all.add(nodes...)
	return idsOf(tips(stepBelow, all)), nil
}

// HeldError says that a revision can't be downgraded, because revisions of
// another program that follow it or depend on it are applied.
type HeldError struct {
	Revision string
	// By are the ids of the other program's revisions.
	By []string
}

// Error names the revisions, and says which to downgrade first.
func (e *HeldError) Error() string {
	return fmt.Sprintf("migrate: %s can't be taken back: %s, which is of another program, needs it: take that one back first, by its name",
		e.Revision, commas(e.By))
}

// Restate takes the steps of a plan that a graph with fewer revisions made. It
// returns the same upgrades and downgrades, with the changes that they make to the
// rows of this graph. If a step would downgrade a revision that an applied one needs,
// the error is a [HeldError].
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
