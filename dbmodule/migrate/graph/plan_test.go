package graph_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// planned writes steps as "a -> b: -deleted +inserted from>to", a line each.
func planned(steps []graph.Step, err error) string {
	if err != nil {
		return kindOf(err)
	}
	var lines []string
	for _, s := range steps {
		text, _, _ := strings.Cut(s.String(), ", make")
		text += ":"
		for _, id := range s.Deletes {
			text += " -" + id
		}
		for _, id := range s.Inserts {
			text += " +" + id
		}
		for _, u := range s.Updates {
			text += fmt.Sprintf(" %s>%s", u.From, u.To)
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

type planTest struct {
	target, rows string
	want         string // the steps, or a part of the error
}

func runPlans(t *testing.T, tests []planTest, plan func(target string, rows []string) ([]graph.Step, error)) {
	for _, test := range tests {
		t.Run(test.target+" from "+test.rows, func(t *testing.T) {
			t.Parallel()
			steps, err := plan(test.target, list(test.rows))
			got := planned(steps, err)
			if err == nil && got != test.want || err != nil && (test.want == "" || !strings.Contains(got, test.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if err != nil && strings.Count(err.Error(), "migrate: ") != 1 {
				t.Errorf("not prefixed once: %v", err)
			}
		})
	}
}

func TestUpgradePlan(t *testing.T) {
	t.Parallel()
	g := newGraph(t, library...)
	runPlans(t, []planTest{
		{"aa02", "", " -> aa01: +aa01\naa01 -> aa02: aa01>aa02"},
		{"+1", "aa01", "aa01 -> aa02: aa01>aa02"},
		{"+9", "aa01", "several revisions come next (bb03, cc04)"},
		{"books@+2", "aa01", "aa01 -> aa02: aa01>aa02\naa02 -> bb03: aa02>bb03"},
		{"books@+9", "aa01", "there are only 3"},
		{"+1", "", "several revisions come next (aa01, ee06)"},
		{"users@+1", "", " -> ee06: +ee06"},
		{"users@+1", "aa02", " -> ee06: +ee06"},
		{"+1", "aa02, ee06", "could start at any of aa02, ee06"},
		{"aa01+1", "", " -> aa01: +aa01\naa01 -> aa02: aa01>aa02"},
		{"bb03-1", "", " -> aa01: +aa01\naa01 -> aa02: aa01>aa02"},
		{"aa01-1", "", "leads to base"},
		{"-1", "aa02", "does not lead to a later revision"},
		{"+0", "aa02", "does not lead to a later revision"},
		{"base-1", "aa02", "names no revision: it is before the first one"},
		{"head", "aa02", "multiple dd05, ee07"},
		{"books@head", "aa02", "aa02 -> cc04: aa02>cc04\naa02 -> bb03: +bb03\nbb03, cc04 -> dd05: -bb03 cc04>dd05"},
		{"dd05", "bb03, cc04", "bb03, cc04 -> dd05: -bb03 cc04>dd05"},
		{"ee07", "bb03, ee06", "ee06 -> ee07: -ee06 bb03>ee07"},
		{"heads", "dd05, ee06", "ee06 -> ee07: ee06>ee07"},
		{"aa01", "aa02", ""},
		{"base", "aa02", ""},
		{"+1", "aa01, aa01", "aa01 -> aa02: aa01>aa02"},
		{"aa02", "zz09", "unknown"},
		{"zz09", "aa02", "unknown"},
		{"aa02", "aa01, aa02", "also aa01, which comes before it"},
	}, func(target string, rows []string) ([]graph.Step, error) {
		return g.UpgradePlan([]string{target}, rows)
	})
}

func TestUpgradePlanTakesSeveralTargets(t *testing.T) {
	t.Parallel()
	g := newGraph(t, library...)
	if got := planned(g.UpgradePlan([]string{"aa02", "users"}, []string{"aa01"})); got != " -> ee06: +ee06\naa01 -> aa02: aa01>aa02" {
		t.Errorf("got %s", got)
	}
	_, err := g.UpgradePlan([]string{"aa02", "aa01"}, nil)
	var overlap *graph.OverlapError
	if !errors.As(err, &overlap) || overlap.Recorded || overlap.Revision != "aa02" {
		t.Errorf("overlapping targets: got %v", err)
	}
}

func TestDowngradePlan(t *testing.T) {
	t.Parallel()
	g := newGraph(t, library...)
	runPlans(t, []planTest{
		{"base", "aa02", "aa02 -> aa01: aa02>aa01\naa01 -> : -aa01"},
		{"-1", "aa02", "aa02 -> aa01: aa02>aa01"},
		{"-2", "aa02", "aa02 -> aa01: aa02>aa01\naa01 -> : -aa01"},
		{"-3", "aa02", "there are only 2"},
		{"-1", "", "has applied no revision from which to count"},
		{"-1", "dd05", "several revisions come next (bb03, cc04)"},
		{"-1", "cc04, ee06", "could start at any of cc04, ee06"},
		{"users@-1", "cc04, ee06", "ee06 -> : -ee06"},
		{"books@-1", "ee07", "ee07 -> ee06: +ee06 ee07>bb03\nbb03 -> aa02: bb03>aa02"},
		{"+1", "aa02", "does not lead to an earlier revision"},
		{"aa01+1", "dd05", "dd05 -> bb03, cc04: +bb03 dd05>cc04\nbb03 -> aa02: -bb03\ncc04 -> aa02: cc04>aa02"},
		{"aa02-1", "aa02", "aa02 -> aa01: aa02>aa01"},
		{"bb03", "dd05", "dd05 -> bb03, cc04: +bb03 dd05>cc04"},
		{"aa02", "bb03, cc04", "bb03 -> aa02: -bb03\ncc04 -> aa02: cc04>aa02"},
		{"cc04@aa02", "bb03, cc04", "cc04 -> aa02: -cc04"},
		{"users@base", "ee07, cc04", "ee07 -> ee06: +ee06 ee07>bb03\nee06 -> : -ee06"},
		{"users@aa02", "dd05", "nothing on the branch comes right after it"},
		{"dd05", "dd05", ""},
		{"dd05", "aa02", "dd05 does not come before aa02"},
		{"base", "", ""},
		{"head", "dd05", "multiple"},
		{"zz09", "dd05", "unknown"},
		{"zz09@base", "dd05", "unknown"},
		{"zz09@aa01", "aa02", "unknown"},
		{"zz09@-1", "aa02", "unknown"},
		{"base", "zz09", "unknown"},
	}, g.DowngradePlan)
}

func TestDowngradeLeavesNoRowThatIsImplied(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "aa01", "aa02 < aa01", "bb01", "bb02 < bb01,aa02 + aa01")
	if got := planned(g.DowngradePlan("aa02", []string{"bb02"})); got != "bb02 -> bb01, aa02: +bb01 bb02>aa02" {
		t.Errorf("got %s", got)
	}
}

// What a row depends on stays, even if it branches off where a count ends.
func TestDowngradeByCountStaysOnTheBranch(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "pp01", "ss02 < pp01", "rr02 < pp01 + ss02")
	if got := planned(g.DowngradePlan("-1", []string{"rr02"})); got != "rr02 -> pp01: rr02>ss02" {
		t.Errorf("got %s", got)
	}
}

func TestStampPlan(t *testing.T) {
	t.Parallel()
	g := newGraph(t, library...)
	runPlans(t, []planTest{
		{"aa02", "", " -> aa02: +aa02"},
		{"aa02", "aa02", ""},
		{"aa02", "aa01", "aa01 -> aa02: aa01>aa02"},
		{"aa01", "bb03, cc04", "bb03, cc04 -> aa01: -bb03 cc04>aa01"},
		{"dd05", "bb03, cc04", "bb03, cc04 -> dd05: -bb03 cc04>dd05"},
		{"ee06", "bb03", " -> ee06: +ee06"},
		{"bb03", "ee07", "ee07 -> bb03: ee07>bb03"},
		{"heads", "bb03", "bb03 -> dd05: bb03>dd05\nbb03 -> ee07: +ee07"},
		{"base", "bb03, ee06", "bb03 -> : -bb03\nee06 -> : -ee06"},
		{"users@base", "bb03, ee06", "ee06 -> : -ee06"},
		{"aa02 ee06", "cc04, ee07", "cc04, ee07 -> aa02: -cc04 ee07>aa02\nee07 -> ee06: +ee06"},
		{"aa01 aa02", "", "aa02 comes after aa01"},
		{"aa02", "aa01, aa02", "aa01 -> aa02: -aa01"},
		{"+1", "aa02", "name the revision"},
		{"users@-1", "aa02", "name the revision"},
		{"head", "", "multiple"},
		{"zz09", "", "unknown"},
		{"zz09@base", "", "unknown"},
		{"aa02", "zz09", "unknown"},
	}, func(target string, rows []string) ([]graph.Step, error) { return g.StampPlan(list(target), rows) })
}

func TestStepRows(t *testing.T) {
	t.Parallel()
	step := graph.Step{Deletes: []string{"a"}, Inserts: []string{"x"}, Updates: []graph.RowUpdate{{From: "b", To: "y"}}}
	before := []string{"a", "b", "c"}
	after, err := step.Rows(before)
	if err != nil || !reflect.DeepEqual(after, []string{"y", "c", "x"}) {
		t.Errorf("got %v, %v", after, err)
	}
	if !reflect.DeepEqual(before, []string{"a", "b", "c"}) {
		t.Errorf("the rows before are changed: %v", before)
	}
	for _, rows := range [][]string{{"b"}, {"a"}} {
		if _, err := step.Rows(rows); err == nil {
			t.Errorf("rows %v: a missing row is accepted", rows)
		}
	}
}
