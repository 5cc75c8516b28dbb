package graph

import (
	"fmt"
	"slices"
	"strings"
)

// CutRange splits "start:end" at its colon. Both parts may be empty. Text with no
// colon or several is an error.
func CutRange(text string) (start, end string, err error) {
	start, end, found := strings.Cut(strings.TrimSpace(text), ":")
	if !found || strings.Contains(end, ":") {
		return "", "", fmt.Errorf("migrate: read the range %q: takes start:end, start: or :end", text)
	}
	return start, end, nil
}

// Range returns the revisions from start to end, both included, newest first.
// Start and end are symbols of [Graph.Select], or "current", which means the rows
// of the version table. An empty start is base, and an empty end is heads. An end
// of +2 counts from the start, and a start of -2 counts from the end. A count that
// exceeds the number of revisions means all of them.
//
// Unless start is base, the range contains only start and its descendants; it does
// not contain revisions of other branches that these depend on. A start of
// label@base limits the end to that branch. If start is not below end, the error is
// a [NotAncestorError].
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

// resolve finds the nodes of start and end. If one is counted from the other, it resolves
// the other first.
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

// keepBranch removes nodes from the end that are not on the branch, unless label is "".
func (r *rangeSearch) keepBranch(label string) {
	if label != "" {
		r.upper = filter(r.upper, func(n *node) bool { return r.g.isOn(n, label) })
	}
}

// find returns the nodes of the range.
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
