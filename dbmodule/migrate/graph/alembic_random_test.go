package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// history is a random graph.
type history struct {
	revisions []*graph.Revision
	labels    []string
}

func (h history) String() string {
	var lines []string
	for _, r := range h.revisions {
		line := r.ID + " < " + strings.Join(r.DownRevisions, ",")
		if len(r.DependsOn) > 0 {
			line += " + " + strings.Join(r.DependsOn, ",")
		}
		if len(r.BranchLabels) > 0 {
			line += " @ " + strings.Join(r.BranchLabels, ",")
		}
		lines = append(lines, fmt.Sprintf("%q", line))
	}
	return strings.Join(lines, ", ")
}

func randomHistory(random *rand.Rand, damaged bool) history {
	var h history
	size := 1 + random.IntN(14)
	branchy := random.Float64() * 0.6
	for i := range size {
		r := rev(fmt.Sprintf("%x%x%02x", 10+random.IntN(2), random.IntN(4), i+16*random.IntN(8)))
		r.Folder = fmt.Sprintf("%02d_%s", i, r.ID)
		if slices.ContainsFunc(h.revisions, func(o *graph.Revision) bool { return o.ID == r.ID }) {
			continue
		}
		h.connect(random, r, branchy)
		h.revisions = append(h.revisions, r)
	}
	if random.IntN(3) == 0 { // the order in which they are given is another one than they were made in
		random.Shuffle(len(h.revisions), func(i, j int) { h.revisions[i], h.revisions[j] = h.revisions[j], h.revisions[i] })
		for i, r := range h.revisions {
			r.Folder = fmt.Sprintf("%02d_%s", i, r.ID)
		}
	}
	if damaged {
		h.spoil(random)
	}
	return h
}

// connect gives a revision parents, dependencies and labels.
func (h *history) connect(random *rand.Rand, r *graph.Revision, branchy float64) {
	n := len(h.revisions)
	pick := func() *graph.Revision { return h.revisions[random.IntN(n)] }
	switch {
	case n == 0 || random.Float64() < branchy*0.4:
	case random.Float64() < branchy*0.5:
		r.DownRevisions = []string{pick().ID}
	case n > 1 && random.Float64() < branchy*0.5:
		a, b := pick(), pick()
		r.DownRevisions = []string{a.ID}
		if a != b {
			r.DownRevisions = append(r.DownRevisions, b.ID)
		}
	default:
		r.DownRevisions = []string{h.revisions[n-1].ID}
	}
	for n > 1 && random.Float64() < branchy*0.4 {
		d := pick()
		name := d.ID
		if len(d.BranchLabels) > 0 && random.IntN(2) == 0 {
			name = d.BranchLabels[0]
		}
		if !slices.Contains(r.DependsOn, name) {
			r.DependsOn = append(r.DependsOn, name)
		}
	}
	for random.Float64() < 0.15 {
		label := fmt.Sprintf("%s%d", []string{"lab", "branch", "a1x"}[random.IntN(3)], n*3+len(r.BranchLabels))
		r.BranchLabels = append(r.BranchLabels, label)
		h.labels = append(h.labels, label)
	}
}

// spoil makes the graph one that should be refused.
func (h *history) spoil(random *rand.Rand) {
	pick := func() *graph.Revision { return h.revisions[random.IntN(len(h.revisions))] }
	a, b := pick(), pick()
	switch random.IntN(6) {
	case 0:
		a.DownRevisions = append(a.DownRevisions, b.ID)
	case 1:
		a.DependsOn = append(a.DependsOn, b.ID)
	case 2:
		a.DownRevisions = append(a.DownRevisions, "absent")
	case 3:
		a.DependsOn = append(a.DependsOn, "absent")
	case 4:
		a.BranchLabels = append(a.BranchLabels, b.ID)
	case 5:
		again := *b
		h.revisions = append(h.revisions, &again)
	}
}

func randomQueries(random *rand.Rand, g *graph.Graph, h history, n int) []query {
	queries := []query{{Ask: "heads"}, {Ask: "printed"}, {Ask: "bases"}, {Ask: "order"}, {Ask: "texts", Rows: randomRows(random, g, h)}}
	for range n {
		q := query{Rows: randomRows(random, g, h)}
		target := randomTarget(random, h)
		switch random.IntN(10) {
		case 0:
			q.Ask, q.Target = "get", target
		case 1:
			q.Ask, q.Target = "select", target
		case 2:
			q.Ask = "current"
		case 3:
			q.Ask, q.Targets = "stamp", []string{target}
			if random.IntN(4) == 0 {
				q.Targets = append(q.Targets, randomTarget(random, h))
			}
		case 4:
			q.Ask, q.Start, q.End = "history", randomEnd(random, h), randomEnd(random, h)
		case 5:
			q.Ask, q.ID, q.Targets, q.Splice = "new", "fff0", []string{target}, random.IntN(2) == 0
			for random.IntN(3) == 0 {
				q.Targets = append(q.Targets, randomTarget(random, h))
			}
			for random.IntN(3) == 0 {
				q.Depends = append(q.Depends, randomTarget(random, h))
			}
		case 6, 7:
			q.Ask, q.Target = "upgrade", target
		default:
			q.Ask, q.Target = "downgrade", target
		}
		queries = append(queries, q)
	}
	return queries
}

// randomRows returns what a version table may hold.
func randomRows(random *rand.Rand, g *graph.Graph, h history) []string {
	rows := []string{}
	for range random.IntN(4) {
		id := h.revisions[random.IntN(len(h.revisions))].ID
		applied, _ := g.Applied(rows)
		if slices.Contains(ids(applied), id) {
			continue
		}
		below, _ := g.Applied([]string{id})
		rows = slices.DeleteFunc(rows, func(row string) bool { return slices.Contains(ids(below), row) })
		rows = append(rows, id)
	}
	return rows
}

func randomEnd(random *rand.Rand, h history) string {
	switch random.IntN(6) {
	case 0:
		return ""
	case 1:
		return "current"
	default:
		return randomTarget(random, h)
	}
}

func randomTarget(random *rand.Rand, h history) string {
	id := func() string { return h.revisions[random.IntN(len(h.revisions))].ID }
	label := func() string {
		if len(h.labels) > 0 && random.IntN(5) > 0 {
			return h.labels[random.IntN(len(h.labels))]
		}
		return id()
	}
	name := func() string {
		switch random.IntN(12) {
		case 0, 1:
			return "head"
		case 2, 3:
			return "heads"
		case 4:
			return "base"
		case 5:
			full := id()
			return full[:1+random.IntN(len(full))]
		case 6:
			return label()
		case 7:
			return []string{"nothing", "abcdef", "a", "lab", "1"}[random.IntN(5)]
		default:
			return id()
		}
	}
	steps := fmt.Sprintf("%+d", []int{-4, -3, -2, -1, -1, 0, 1, 1, 2, 3, 4}[random.IntN(11)])
	switch random.IntN(9) {
	case 0:
		return steps
	case 1:
		return name() + steps
	case 2:
		return label() + "@" + steps
	case 3:
		return label() + "@" + []string{"head", "heads", "base"}[random.IntN(3)]
	case 4:
		return label() + "@" + name() + []string{"", "", steps}[random.IntN(3)]
	default:
		return name()
	}
}
