package graph

import (
	"fmt"
	"slices"
	"strings"
)

// CutRange splits "start:end", either of which may be empty. It is an error
// if there is not exactly one colon.
func CutRange(text string) (start, end string, err error) {
	start, end, found := strings.Cut(strings.TrimSpace(text), ":")
	if !found || strings.Contains(end, ":") {
		return "", "", fmt.Errorf("migrate: read the range %q: takes start:end, start: or :end", text)
	}
	return start, end, nil
}

// Range returns the revisions from start to end, both included, newest first.
// Either is what [Graph.Select] takes or "current", the rows of the version
// table; by default start is base and end is heads. An end of +2 counts from
// the start, and a start of -2 from the end; there, a count that goes too far
// means as far as there are revisions.
//
// Unless start is base, only what follows it comes, without dependencies that
// it has not. A start of label@base limits the end to that branch. It is a
// [NotAncestorError] if start does not come before end.
func (g *Graph) Range(start, end string, current []string) ([]*Revision, error) {
	rows, err := g.recorded(current)
	if err != nil {
		return nil, err
	}
	r := rangeSearch{g: g, start: start, end: end, rows: rows}
	if err := r.resolve(); err != nil {
		return nil, err
	}
	found, err := r.find()
	if err != nil {
		return nil, err
	}
	return revisionsOf(sorted(found)), nil
}

type rangeSearch struct {
	g            *Graph
	start, end   string
	rows         []*node
	lower, upper []*node
}

// resolve finds the nodes of both ends, the one first from which the other may
// be counted.
func (r *rangeSearch) resolve() error {
	s, err := r.g.parse(r.start)
	if err != nil {
		return err
	}
	if s.relative && s.name == "" {
		if err := r.resolveEnd(); err != nil {
			return err
		}
		return r.countStart(s)
	}
	if err := r.resolveStart(s); err != nil {
		return err
	}
	if err := r.resolveEnd(); err != nil {
		return err
	}
	r.keepBranch(s.label)
	return nil
}

func (r *rangeSearch) resolveStart(s symbol) (err error) {
	switch s.text {
	case "":
		return nil
	case "current":
		r.lower = r.rows
		return nil
	}
	r.lower, err = r.g.selected(s.text)
	return err
}

func (r *rangeSearch) resolveEnd() (err error) {
	switch r.end {
	case "":
		r.upper = r.g.headRows()
	case "current":
		r.upper = r.rows
	default:
		r.upper, err = r.g.upgradeTarget(r.end, r.lower, true)
	}
	return err
}

// countStart resolves a start of -2 or label@-2.
func (r *rangeSearch) countStart(s symbol) error {
	if s.steps >= 0 {
		return fmt.Errorf("migrate: start a range at %s: a start can count down from the end, as in -2:, but not up: name a revision", s.text)
	}
	if err := r.g.checkLabel(s.label); err != nil {
		return err
	}
	r.keepBranch(s.label)
	for _, n := range r.upper {
		start, err := r.g.walk(n, s.steps, nil, true)
		if err != nil {
			return err
		}
		if start != nil && !slices.Contains(r.lower, start) {
			r.lower = append(r.lower, start)
		}
	}
	return nil
}

// keepBranch limits the end to what is on the branch.
func (r *rangeSearch) keepBranch(label string) {
	if label != "" {
		r.upper = filter(r.upper, func(n *node) bool { return r.g.isOn(n, label) })
	}
}

func (r *rangeSearch) find() (set, error) {
	for _, nodes := range [][]*node{r.upper, r.lower} {
		if err := checkOverlap(nodes, false); err != nil {
			return nil, err
		}
	}
	found := closure(stepBelow, r.upper...)
	if len(r.lower) == 0 {
		return found, nil
	}
	for _, n := range r.lower {
		if !found[n] {
			return nil, &NotAncestorError{n.rev.ID, commas(idsOf(r.upper))}
		}
	}
	found = found.without(closure(stepBelow, r.lower...))
	found.add(r.lower...)
	return found.within(closure(stepNext, r.lower...)), nil
}
