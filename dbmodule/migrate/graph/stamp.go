package graph

import (
	"fmt"
	"slices"
)

// StampPlan returns the steps that record the targets as applied. Each target
// replaces the rows of its lineage, by parents and dependencies. "base" removes all
// rows, and label@base removes those in the lineage of the branch. A relative target
// is an error. If one target implies another, the error is an [OverlapError]. Rows of the
// version table that imply one another are no error, because a stamp can repair them.
func (g *Graph) StampPlan(targets, current []string) ([]Step, error) {
	rows, err := g.recorded(current)
	if err != nil {
		return nil, err
	}
	p := stampPlan{g: g, before: rows, rows: slices.Clone(versionRows(rows))}
	for _, target := range targets {
		if err := p.add(target); err != nil {
			return nil, err
		}
	}
	return p.steps, checkOverlap(p.stamped, false)
}

type stampPlan struct {
	g       *Graph
	before  []*node
	rows    versionRows
	stamped []*node
	steps   []Step
}

func (p *stampPlan) add(target string) error {
	s, err := p.g.parse(target)
	if err != nil {
		return err
	}
	if s.relative {
		return fmt.Errorf("migrate: stamp %s: name the revision that the schema is at", target)
	}
	nodes, err := p.g.absolute(s)
	if err != nil {
		return err
	}
	if s.name == "base" {
		return p.clear(s.label)
	}
	for _, n := range nodes {
		p.stamp(n)
	}
	return nil
}

// clear plans to remove the rows in the lineage of a branch, or all rows if label is "".
func (p *stampPlan) clear(label string) error {
	var line set
	if label != "" {
		branch, err := p.g.named(label)
		if err != nil {
			return err
		}
		line = fullLineage(branch)
	}
	for _, n := range slices.Clone(p.rows) {
		if line == nil || line[n] {
			p.steps = append(p.steps, p.rows.unstamp(n))
		}
	}
	return nil
}

// stamp plans that n replaces the rows of its lineage.
func (p *stampPlan) stamp(n *node) {
	p.stamped = append(p.stamped, n)
	line := fullLineage(n)
	replaced := filter(p.before, func(m *node) bool { return m != n && line[m] })
	switch {
	case !slices.Contains(p.rows, n):
		p.steps = append(p.steps, p.rows.stamp(replaced, n))
	case len(p.rows.present(replaced)) > 0:
		p.steps = append(p.steps, p.rows.keep(n, p.rows.present(replaced)))
	}
}
