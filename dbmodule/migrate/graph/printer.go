package graph

import (
	"path"
	"slices"
	"strings"
)

// Printer formats revisions of a graph as Alembic's commands print them. Its methods
// return text without the last newline.
type Printer struct {
	Graph *Graph
	// Root is the path that is printed before the folders of revisions.
	Root string
	// Current are the rows of the version table, which are marked "(current)"; nil
	// marks none.
	Current []string
	// Verbose prints each revision as Show does, instead of one line.
	Verbose bool
}

// Head returns a line of the command heads: "1f0c (books) (head)".
func (p Printer) Head(r *Revision) string {
	return p.text(r, line{labels: true})
}

// CurrentHead returns a line of the command current: "1f0c (head)".
func (p Printer) CurrentHead(r *Revision) string {
	return p.text(r, line{tree: true})
}

// History returns a line of the command history:
// "1f0c -> 2a9d (books) (head), create books".
func (p Printer) History(r *Revision) string {
	return p.text(r, line{parents: true, labels: true, tree: true, message: true})
}

// Branch returns what the command branches prints for a branch point: the revision,
// and those that follow it.
func (p Printer) Branch(r *Revision) string {
	lines := []string{p.text(r, line{labels: true, tree: true})}
	indent := strings.Repeat(" ", len(r.ID))
	for _, next := range p.Graph.Next(r.ID) {
		l := line{labels: true, tree: true, message: p.Verbose}
		lines = append(lines, indent+" -> "+p.line(next, l))
	}
	return strings.Join(lines, "\n") + "\n"
}

// Show returns what the command show prints for a revision: all its fields.
func (p Printer) Show(r *Revision) string {
	n := p.Graph.byID(r.ID)
	var b strings.Builder
	field := func(name string, values ...string) {
		if len(values) > 0 {
			b.WriteString(name + ": " + commas(values) + "\n")
		}
	}
	field("Rev", r.ID+mark(n.isHead(), "head")+treeMarks(n)+p.currentMark(r))
	if n.isMergePoint() {
		field("Merges", r.DownRevisions...)
	} else {
		field("Parent", parentsText(r))
	}
	field("Also depends on", r.DependsOn...)
	if n.isBranchPoint() {
		field("Branches into", idsOf(n.next)...)
	}
	field("Branch names", n.labels...)
	field("Path", p.path(r))
	b.WriteString("\n")
	for _, text := range strings.Split(strings.TrimSpace(r.Text()), "\n") {
		b.WriteString("    " + text + "\n")
	}
	return b.String()
}

// line says which parts a revision's line has besides its id and the marks of heads and of
// Current.
type line struct {
	parents, labels, tree, message bool
}

func (p Printer) text(r *Revision, l line) string {
	if p.Verbose {
		return p.Show(r)
	}
	return p.line(r, l)
}

func (p Printer) line(r *Revision, l line) string {
	n := p.Graph.byID(r.ID)
	text := r.ID
	if l.parents {
		text = parentsText(r) + dependenciesText(r) + " -> " + text
	}
	if l.labels && len(n.labels) > 0 {
		text += " (" + commas(n.labels) + ")"
	}
	text += headMarks(n) + p.currentMark(r)
	if l.tree {
		text += treeMarks(n)
	}
	if l.message {
		text += ", " + r.Message
	}
	return text
}

func headMarks(n *node) string {
	return mark(n.isHeadRow(), "head") + mark(n.isHead() && !n.isHeadRow(), "effective head")
}

func treeMarks(n *node) string {
	return mark(n.isBranchPoint(), "branchpoint") + mark(n.isMergePoint(), "mergepoint")
}

func (p Printer) currentMark(r *Revision) string {
	return mark(slices.Contains(p.Current, r.ID), "current")
}

func mark(is bool, text string) string {
	if is {
		return " (" + text + ")"
	}
	return ""
}

func parentsText(r *Revision) string {
	if r.IsBase() {
		return "<base>"
	}
	return commas(r.DownRevisions)
}

func dependenciesText(r *Revision) string {
	if len(r.DependsOn) == 0 {
		return ""
	}
	return " (" + commas(r.DependsOn) + ")"
}

func (p Printer) path(r *Revision) string {
	if r.Folder == "" {
		return "(only in the database's history)"
	}
	return path.Join(p.Root, r.Folder, "revision.txt")
}
