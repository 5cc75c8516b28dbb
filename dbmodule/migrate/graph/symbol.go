package graph

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// symbol is a parsed target, such as label@name, label@name+2 or +2.
type symbol struct {
	text  string
	label string
	name  string
	// relative says that the symbol counts steps: up, or down if negative. They begin at name;
	// without a name, at the rows of the version table or at the heads.
	steps    int
	relative bool
}

var relativePattern = regexp.MustCompile(`^(?:([^@]+)@)?([^@]*?)([+-]\d+)$`)

// parse reads a symbol. Text with which an id or label of the graph begins is never read
// as a relative symbol.
func (g *Graph) parse(text string) (symbol, error) {
	s := symbol{text: text}
	parts := relativePattern.FindStringSubmatch(text)
	if parts == nil || len(g.beginningWith(text)) > 0 {
		s.label, s.name, _ = cutLabel(text)
		return s, nil
	}
	steps, err := strconv.Atoi(parts[3])
	if err != nil {
		return s, fmt.Errorf("migrate: read the target %q: the number is too large", text)
	}
	s.label, s.name, s.steps, s.relative = parts[1], parts[2], steps, true
	return s, nil
}

func cutLabel(text string) (label, name string, found bool) {
	if label, name, found = strings.Cut(text, "@"); found {
		return label, name, true
	}
	return "", text, false
}

// Get returns the one revision that a symbol means. The symbol is an id, an
// unambiguous beginning of an id, a branch label, "head" if there is only one, or
// any of these on a branch, as in label@head.
//
// Its errors include [UnknownRevisionError], [AmbiguousRevisionError] and
// [MultipleHeadsError]. "base" is an error, because it is before all revisions.
func (g *Graph) Get(text string) (*Revision, error) {
	s, err := g.parse(text)
	if err != nil {
		return nil, err
	}
	if s.relative {
		return nil, errRelative(s)
	}
	n, err := g.one(s)
	switch {
	case err != nil:
		return nil, err
	case n == nil:
		return nil, fmt.Errorf("migrate: %q names no revision: it is before the first one", text)
	}
	return n.rev, nil
}

// Select returns the revisions that a symbol means. It takes all symbols of
// [Graph.Get], and also "heads" and label@heads; "base", which means no revision;
// and -2 or label@-2, which counts down from each head.
func (g *Graph) Select(text string) ([]*Revision, error) {
	nodes, err := g.selected(text)
	return revisionsOf(nodes), err
}

func (g *Graph) selected(text string) ([]*node, error) {
	s, err := g.parse(text)
	switch {
	case err != nil:
		return nil, err
	case !s.relative:
		return g.absolute(s)
	case s.name == "" && s.steps < 0:
		return g.belowHeads(s)
	}
	return nil, errRelative(s)
}

func errRelative(s symbol) error {
	return fmt.Errorf("migrate: %q is relative, which is for upgrade and downgrade: name the revision", s.text)
}

// absolute resolves a symbol that is not relative.
func (g *Graph) absolute(s symbol) ([]*node, error) {
	if s.name == "base" {
		return nil, g.checkLabel(s.label)
	}
	if s.name == "heads" && s.label == "" {
		return g.headRows(), nil
	}
	if s.name == "head" || s.name == "heads" {
		heads, err := g.headsOn(s.label)
		if err == nil && s.name == "head" && len(heads) > 1 {
			err = &MultipleHeadsError{s.text, idsOf(heads)}
		}
		return heads, err
	}
	n, err := g.namedIn(s.name, s.label)
	if err != nil {
		return nil, err
	}
	return []*node{n}, nil
}

// one resolves a symbol that is not relative to one node; nil is base. If the symbol means
// several, one returns a MultipleHeadsError.
func (g *Graph) one(s symbol) (*node, error) {
	nodes, err := g.absolute(s)
	switch {
	case err != nil:
		return nil, err
	case len(nodes) > 1:
		return nil, &MultipleHeadsError{s.text, idsOf(nodes)}
	case len(nodes) == 0:
		return nil, nil
	}
	return nodes[0], nil
}

// relativeToName resolves a relative symbol that has a name; nil is base.
func (g *Graph) relativeToName(s symbol, clip bool) (*node, error) {
	from := symbol{text: s.text, name: s.name}
	if s.steps <= 0 {
		from.label = s.label
	}
	start, err := g.one(from)
	if err != nil {
		return nil, err
	}
	if start == nil && s.steps <= 0 {
		return nil, fmt.Errorf("migrate: %q names no revision: it is before the first one", s.text)
	}
	line, err := g.lineOf(s.label)
	if err != nil {
		return nil, err
	}
	return g.walk(start, s.steps, line, clip)
}

// belowHeads resolves -2 and label@-2: it counts down from each head, or each head on the
// branch.
func (g *Graph) belowHeads(s symbol) ([]*node, error) {
	if err := g.checkLabel(s.label); err != nil {
		return nil, err
	}
	var nodes []*node
	for _, head := range g.headRows() {
		if s.label != "" && !g.isOn(head, s.label) {
			continue
		}
		n, err := g.walk(head, s.steps, nil, false)
		if err != nil {
			return nil, err
		}
		if n == nil {
			return nil, fmt.Errorf("migrate: %q leads to base from %s, which is no revision", s.text, head.rev.ID)
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// isOn reports whether the node is on the branch with this label. If label is a revision's
// id instead, isOn reports whether the node is in its lineage.
func (g *Graph) isOn(n *node, label string) bool {
	branch, err := g.named(label)
	if err != nil {
		return false
	}
	if slices.Contains(branch.rev.BranchLabels, label) {
		return slices.Contains(n.labels, label)
	}
	return lineage(branch)[n]
}

// headsOn returns the heads in the lineage of what a label names, or all heads if the label
// is "".
func (g *Graph) headsOn(label string) ([]*node, error) {
	line, err := g.lineOf(label)
	if err != nil || line == nil {
		return g.heads(), err
	}
	return filter(g.heads(), func(n *node) bool { return line[n] }), nil
}

// lineOf returns the lineage of the revision that a label or id names, nil if it is "".
func (g *Graph) lineOf(label string) (set, error) {
	if label == "" {
		return nil, nil
	}
	branch, err := g.named(label)
	if err != nil {
		return nil, err
	}
	return lineage(branch), nil
}

// checkLabel returns an error if label is not "" and names no revision.
func (g *Graph) checkLabel(label string) error {
	_, err := g.lineOf(label)
	return err
}

// namedIn returns the node that a name means: an id, a label, or an unambiguous beginning of
// one. Unless label is "", the node must be in the lineage of what label names.
func (g *Graph) namedIn(name, label string) (*node, error) {
	line, err := g.lineOf(label)
	if err != nil {
		return nil, err
	}
	n := g.names[name]
	if n == nil {
		candidates := g.beginningWith(name)
		if line != nil {
			candidates = slices.DeleteFunc(candidates, func(c string) bool { return !line[g.names[c]] })
		}
		switch len(candidates) {
		case 0:
			return nil, &UnknownRevisionError{Symbol: name, Near: g.near(name)}
		case 1:
			n = g.names[candidates[0]]
		default:
			return nil, &AmbiguousRevisionError{name, candidates}
		}
	}
	if line != nil && !line[n] {
		return nil, fmt.Errorf("migrate: revision %s is not on the branch %q", n.rev.ID, label)
	}
	return n, nil
}

// named returns the node that a name means, on any branch. It also resolves the part of a
// symbol before its "@".
func (g *Graph) named(name string) (*node, error) { return g.namedIn(name, "") }

// shortestFull is the length from which on an id or label can be abbreviated.
const shortestFull = 4

// beginningWith returns the ids and labels that begin with the name and are long enough to
// be abbreviated: first the ids, then the labels, each in the graph's order.
func (g *Graph) beginningWith(name string) []string {
	if name == "" {
		return nil
	}
	fits := func(full string) bool { return len(full) >= shortestFull && strings.HasPrefix(full, name) }
	var ids, labels []string
	for _, n := range g.nodes {
		if fits(n.rev.ID) {
			ids = append(ids, n.rev.ID)
		}
		for _, label := range n.rev.BranchLabels {
			if fits(label) {
				labels = append(labels, label)
			}
		}
	}
	return append(ids, labels...)
}

// recorded returns the nodes of the version table's rows. A row without a node is an
// UnknownRevisionError.
func (g *Graph) recorded(rows []string) ([]*node, error) {
	nodes := make([]*node, 0, len(rows))
	for _, id := range rows {
		n := g.byID(id)
		if n == nil {
			return nil, &UnknownRevisionError{Symbol: id, Near: g.near(id), Recorded: true}
		}
		if !slices.Contains(nodes, n) {
			nodes = append(nodes, n)
		}
	}
	return nodes, nil
}

// recordedWithoutOverlap is like recorded. It also returns an OverlapError if a row implies another one.
func (g *Graph) recordedWithoutOverlap(rows []string) ([]*node, error) {
	nodes, err := g.recorded(rows)
	if err != nil {
		return nil, err
	}
	return nodes, checkOverlap(nodes, true)
}

// checkOverlap returns an OverlapError if one of the nodes implies another, as its ancestor
// or dependency. recorded says that the nodes are rows of the version table.
func checkOverlap(nodes []*node, recorded bool) error {
	for _, n := range nodes {
		below := closure(stepBelow, n)
		covered := filter(nodes, func(m *node) bool { return m != n && below[m] })
		if len(covered) > 0 {
			return &OverlapError{n.rev.ID, idsOf(covered), recorded}
		}
	}
	return nil
}
