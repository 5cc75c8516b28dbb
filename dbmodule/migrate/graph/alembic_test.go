package graph_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

const (
	alembicGraphs  = 200
	alembicQueries = 40
)

// TestGraphIsAlembics asks the real Alembic and the graph the same about many
// random histories.
func TestGraphIsAlembics(t *testing.T) {
	t.Parallel()
	judge := startAlembic(t)
	random := rand.New(rand.NewPCG(2026, 11))
	compared, errors, excused := 0, 0, map[string]int{}
	for i := range alembicGraphs {
		h := randomHistory(random, i%8 == 7)
		g, err := graph.New(h.revisions)
		if err != nil {
			theirs := judge.ask(t, h.revisions, nil)
			if len(theirs) == 0 && !refuses(err) {
				t.Errorf("%v\nAlembic takes it; ours: %v", h, err)
			}
			continue
		}
		queries := randomQueries(random, g, h, alembicQueries)
		for j, theirs := range judge.ask(t, h.revisions, queries) {
			q := queries[min(j, len(queries)-1)]
			ours := answerOf(g, q)
			if fault := faultOf(g, q, ours); fault != "" {
				t.Errorf("%v\n%v: %s: %v", h, q, fault, ours)
			}
			compared++
			if theirs.Error != "" {
				errors++
			}
			difference := compare(q, ours, theirs)
			if difference == "" {
				continue
			}
			if reason := deviates(g, q, ours, theirs); reason != "" {
				excused[reason]++
				continue
			}
			t.Errorf("%v\n%v: %s\n   ours: %v\nAlembic: %v", h, q, difference, ours, theirs)
		}
	}
	t.Logf("%d answers compared, %d of them errors", compared, errors)
	for reason, n := range excused {
		t.Logf("%4d differ on purpose: %s", n, reason)
	}
}

// refuses says whether a graph is refused that Alembic takes, on purpose: it
// warns of duplicates and takes the last one, takes a parent named twice, and
// looks only for circles that are cut off from heads or bases.
func refuses(err error) bool {
	return regexp.MustCompile(`has the id of|twice: name it once|one another in a circle`).MatchString(err.Error())
}

// What symbols are for which the graph deviates.
var (
	onBranch      = regexp.MustCompile(`@(.{0,3}$|[^b]|b[^a])`) // not label@base
	belowBase     = regexp.MustCompile(`^(.*@)?base-[1-9]`)
	counted       = regexp.MustCompile(`^[^@]*[+-]|@[^@]*[+-]`)
	countedOnly   = regexp.MustCompile(`^[+-]`)
	onBranchOfID  = regexp.MustCompile(`^[ab][0-9a-f]{3}@`)
	countedOnID   = regexp.MustCompile(`^[ab][0-9a-f]{3}@-`)
	alembicsCrash = regexp.MustCompile(`^(Assertion|Key|Type|Attribute)Error`)
)

// deviates says why the graph answers otherwise than Alembic 1.8.1 on purpose.
func deviates(g *graph.Graph, q query, ours, theirs answer) string {
	symbols := append([]string{q.Target, q.Start, q.End}, q.Targets...)
	isHistory := q.Ask == "history"
	switch {
	case slices.ContainsFunc(symbols, belowBase.MatchString):
		return "Alembic walks from base down to the heads"
	case q.Ask == "stamp" && slices.ContainsFunc(q.Targets, counted.MatchString):
		return "stamp: Alembic counts from the heads, and only while nothing is stamped"
	case q.Ask == "stamp" && len(q.Targets) > 1 && strings.Contains(strings.Join(q.Targets, ""), "base"):
		return "stamp base and others: Alembic ignores base"
	case q.Ask == "stamp" && strings.Contains(ours.Error, "comes after"):
		return "stamp: Alembic takes revisions of which one implies the other"
	case q.Ask == "stamp" && len(q.Rows) > 1 && (len(q.Targets) > 1 || strings.HasSuffix(q.Targets[0], "heads")):
		return "stamp: Alembic lets the rows of all targets go with each of them"
	case q.Ask == "stamp" && slices.ContainsFunc(q.Targets, onBranch.MatchString) && (len(q.Rows) > 1 || theirs.Error != ""):
		return "stamp label@id: Alembic lets go what is in line with the label only, and takes no part of an id"
	case q.Ask == "downgrade" && strings.HasSuffix(q.Target, "0") && onBranch.MatchString(q.Target) && counted.MatchString(q.Target):
		return "downgrade label@id+0: Alembic does not look whether id is on the branch"
	case q.Ask == "downgrade" && countedOnly.MatchString(q.Target) && len(q.Rows) > 1:
		return "downgrade -1 from several rows: Alembic takes the one that the database gives first, and warns"
	case q.Ask != "upgrade" && q.Ask != "downgrade" && slices.ContainsFunc(symbols, countedOnID.MatchString):
		return "id@-1: Alembic finds no heads, for an id is no label"
	case q.Ask == "new" && slices.ContainsFunc(q.Targets, counted.MatchString) && ours.Error != "":
		return "new: Alembic takes a count beyond base for base"
	case isHistory && onBranchOfID.MatchString(q.Start):
		return "history id@base: Alembic takes the label of the id, and fails if it has not exactly one"
	case isHistory && len(q.Rows) == 0 && (q.Start == "current" || q.End == "current"):
		return "history: Alembic takes current for heads while nothing is applied"
	case isHistory && counted.MatchString(q.Start) && q.End != "" && q.End != "heads":
		return "history -2:end: Alembic counts from the heads, its manual from the end"
	case isHistory && counted.MatchString(q.Start) && theirs.Error != "":
		return "history -2: Alembic refuses to count exactly to base"
	case slices.ContainsFunc(theirs.Steps, func(s stepAnswer) bool { return overlap(g, s.Rows) }):
		return "downgrade: Alembic leaves a row and one that it implies, and then upgrades no more"
	case alembicsCrash.MatchString(theirs.Error) && ours.Error == "" && (isHistory || q.Ask == "upgrade" || q.Ask == "stamp"):
		return q.Ask + ": Alembic ends in an error of its own"
	}
	return ""
}

// overlap reports whether a row is implied by another.
func overlap(g *graph.Graph, rows []string) bool {
	for _, row := range rows {
		applied, _ := g.Applied([]string{row})
		for _, other := range rows {
			if other != row && slices.Contains(ids(applied), other) {
				return true
			}
		}
	}
	return false
}

// compare says how the answers differ; errors only have to be errors in both.
func compare(q query, ours, theirs answer) string {
	if (ours.Error != "") != (theirs.Error != "") {
		return "only one is an error"
	}
	if !slices.Equal(ours.Text, theirs.Text) {
		for i := range min(len(ours.Text), len(theirs.Text)) {
			if ours.Text[i] != theirs.Text[i] {
				return fmt.Sprintf("texts differ: %q, %q", ours.Text[i], theirs.Text[i])
			}
		}
		return "texts differ"
	}
	if q.Ask == "current" { // a set in Alembic
		slices.Sort(ours.IDs)
		slices.Sort(theirs.IDs)
	}
	if !slices.Equal(ours.IDs, theirs.IDs) {
		return "revisions differ"
	}
	if len(ours.Steps) != len(theirs.Steps) {
		return "numbers of steps differ"
	}
	for i, s := range theirs.Steps {
		if difference := compareStep(ours.Steps[i], s); difference != "" {
			return fmt.Sprintf("step %d: %s", i+1, difference)
		}
	}
	return ""
}

func compareStep(ours, theirs stepAnswer) string {
	switch {
	case ours.Text != theirs.Text:
		return "texts differ"
	case !slices.Equal(ours.Rows, theirs.Rows):
		return "rows differ"
	case len(ours.Deletes) != len(theirs.Deletes), len(ours.Inserts) != len(theirs.Inserts), len(ours.Updates) != len(theirs.Updates):
		return "kinds of row operations differ"
	case theirs.Open: // which row is updated comes out of a set
		return ""
	case !slices.Equal(ours.Deletes, theirs.Deletes), !slices.Equal(ours.Inserts, theirs.Inserts), !slices.Equal(ours.Updates, theirs.Updates):
		return "row operations differ"
	}
	return ""
}

// faultOf checks steps by what the words mean, whatever Alembic says: each
// changes what the rows say is applied by the revision it runs, and needs
// what the revision depends on.
func faultOf(g *graph.Graph, q query, a answer) string {
	if q.Ask != "upgrade" && q.Ask != "downgrade" {
		return ""
	}
	before := appliedSet(g, q.Rows)
	for i, s := range a.Steps {
		_, change, _ := strings.Cut(s.Text, ", make ")
		after := appliedSet(g, s.Rows)
		grown := before
		if q.Ask == "upgrade" {
			grown = after
		}
		if overlap(g, s.Rows) || len(after) == len(before) || after[change] == before[change] {
			return fmt.Sprintf("step %d leaves wrong rows", i+1)
		}
		if n := len(after) - len(before); n*n != 1 || !grown[change] {
			return fmt.Sprintf("step %d changes more than it runs", i+1)
		}
		before = after
	}
	return ""
}

func appliedSet(g *graph.Graph, rows []string) map[string]bool {
	applied, _ := g.Applied(rows)
	set := map[string]bool{}
	for _, r := range applied {
		set[r.ID] = true
	}
	return set
}
