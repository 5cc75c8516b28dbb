package graph_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func ExampleNew() {
	g, err := graph.New([]*graph.Revision{
		{ID: "1f0c", Message: "create books"},
		{ID: "2a9d", Message: "create authors", DownRevisions: []string{"1f0c"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	steps, err := g.UpgradePlan([]string{"head"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range steps {
		fmt.Println("Running", step.Direction, step)
	}
	// Output:
	// Running upgrade  -> 1f0c, create books
	// Running upgrade 1f0c -> 2a9d, create authors
}

// library has two bases, a branch with a label, a merge, and a dependency.
var library = []string{
	"aa01", "aa02 < aa01", "bb03 < aa02 @ books", "cc04 < aa02", "dd05 < bb03,cc04",
	"ee06 @ users", "ee07 < ee06 + bb03",
}

func TestGraph(t *testing.T) {
	t.Parallel()
	g := newGraph(t, library...)
	check := func(what string, got []string, want string) {
		t.Helper()
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", what, strings.Join(got, " "), want)
		}
	}
	check("revisions", ids(g.Revisions()), "aa01 aa02 cc04 bb03 ee06 ee07 dd05")
	check("heads", ids(g.Heads()), "dd05 ee07")
	check("head rows", ids(g.HeadRows()), "dd05 ee07")
	check("bases", ids(g.Bases()), "aa01 ee06")
	check("next of a branch point", ids(g.Next("aa02")), "bb03 cc04")
	check("next of a dependency", ids(g.Next("bb03")), "dd05")
	check("next of none", ids(g.Next("ee07")), "")
	check("labels of the revision", g.Labels("bb03"), "books")
	check("labels after it", g.Labels("dd05"), "books")
	check("labels before a branch point", g.Labels("aa02"), "")
	check("labels of another branch", g.Labels("ee07"), "users")
	for id, want := range map[string][3]bool{
		"aa02": {true, false, true}, "dd05": {true, true, false}, "books": {}, "none": {},
	} {
		if got := [3]bool{g.Has(id), g.IsHead(id), g.IsBranchPoint(id)}; got != want {
			t.Errorf("%s: is there, head, branch point: got %v, want %v", id, got, want)
		}
	}
}

func TestLabelReachesDownALine(t *testing.T) {
	t.Parallel()
	line := newGraph(t, "aa01", "aa02 < aa01", "aa03 < aa02 @ late")
	if got := line.Labels("aa01"); !reflect.DeepEqual(got, []string{"late"}) {
		t.Errorf("in a line: got %v", got)
	}
	dependent := newGraph(t, "aa01", "aa02 < aa01", "aa03 < aa02 @ late", "bb01 + aa03,late")
	if got := dependent.Labels("aa01"); !reflect.DeepEqual(got, []string{"late"}) {
		t.Errorf("with a dependency that has two names: got %v", got)
	}
	merged := newGraph(t, "aa01", "bb01", "aa02 < aa01", "cc01 < aa02,bb01 @ late")
	if got := merged.Labels("aa02"); len(got) > 0 {
		t.Errorf("below a merge point: got %v", got)
	}
	branched := newGraph(t, "aa01", "aa02 < aa01", "bb02 < aa01", "aa03 < aa02 @ late")
	if got := branched.Labels("aa01"); len(got) > 0 {
		t.Errorf("below a branch point: got %v", got)
	}
}

// A dependency that an ancestor has too does not count again: else the walk
// would come to it early, and turn from yy01 to zz01 before it.
func TestOrderWithDependencyOfAncestor(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "dd01", "xx01", "yy01", "zz01 + dd01", "bb02 < xx01,yy01,zz01", "cc03 < bb02 + dd01")
	if got := strings.Join(ids(g.Revisions()), " "); got != "dd01 zz01 yy01 xx01 bb02 cc03" {
		t.Errorf("got %s", got)
	}
}

func TestEffectiveHeadHasNoRow(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "aa01", "bb01", "bb02 < bb01 + aa01")
	if got := ids(g.Heads()); !reflect.DeepEqual(got, []string{"aa01", "bb02"}) {
		t.Errorf("heads: got %v", got)
	}
	if got := ids(g.HeadRows()); !reflect.DeepEqual(got, []string{"bb02"}) {
		t.Errorf("head rows: got %v", got)
	}
	heads, err := g.AppliedHeads([]string{"bb02"})
	if err != nil || !reflect.DeepEqual(ids(heads), []string{"aa01", "bb02"}) {
		t.Errorf("applied heads: got %v, %v", ids(heads), err)
	}
	applied, err := g.Applied([]string{"bb02"})
	if err != nil || len(applied) != 3 {
		t.Errorf("applied: got %v, %v", ids(applied), err)
	}
	pending, err := g.Pending([]string{"aa01"})
	if err != nil || !reflect.DeepEqual(ids(pending), []string{"bb01", "bb02"}) {
		t.Errorf("pending: got %v, %v", ids(pending), err)
	}
}

func TestGraphIsOfNothing(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	if len(g.Revisions())+len(g.Heads())+len(g.Bases()) > 0 {
		t.Error("an empty graph has revisions")
	}
	for _, target := range []string{"head", "heads", "base"} {
		steps, err := g.UpgradePlan([]string{target}, nil)
		if err != nil || len(steps) > 0 {
			t.Errorf("upgrade %s: got %v, %v", target, steps, err)
		}
	}
}

func TestNewGraphRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		lines []string
		want  []string // each in a line of the error
	}{
		"a bad id":                {[]string{"aa:1"}, []string{`revision "aa:1" (20261124_aa:1) has an id that can't be one`}},
		"a reserved id":           {[]string{"head"}, []string{`"head" means something else in targets`}},
		"a bad label":             {[]string{"aa01 @ a:b"}, []string{`revision "aa01" (20261124_aa01) has a branch label that can't be one`}},
		"a duplicate id":          {[]string{"aa01", "aa01"}, []string{`has the id of revision "aa01" (20261124_aa01): give one of them another`}},
		"a duplicate label":       {[]string{"aa01 @ x", "bb01 @ x"}, []string{`revision "bb01" (20261124_bb01) has the branch label "x", as has revision "aa01"`}},
		"a label twice":           {[]string{"aa01 @ x,x"}, []string{`has the branch label "x" twice`}},
		"a label that is an id":   {[]string{"aa01 @ bb01", "bb01"}, []string{`has the branch label "bb01", which is the id of revision "bb01"`}},
		"a missing parent":        {[]string{"aa01 < aa00"}, []string{`revision "aa01" (20261124_aa01) follows "aa00", which does not exist (did you mean aa01?)`}},
		"a parent by its label":   {[]string{"aa01 @ x", "aa02 < x"}, []string{`follows "x", which does not exist`}},
		"a parent twice":          {[]string{"aa01", "aa02 < aa01,aa01"}, []string{`follows aa01 twice`}},
		"itself as a parent":      {[]string{"aa01 < aa01"}, []string{`revision "aa01" (20261124_aa01) follows itself`}},
		"a missing dependency":    {[]string{"aa01 + zz99"}, []string{`depends on what is no revision: no revision or branch "zz99"`}},
		"an ambiguous dependency": {[]string{"aa01", "aa02", "bb01 + aa"}, []string{`several revisions begin with "aa": aa01, aa02`}},
		"itself as a dependency":  {[]string{"aa01 + aa01"}, []string{`revision "aa01" (20261124_aa01) depends on itself`}},
		"itself by its label":     {[]string{"aa01 + x @ x"}, []string{`depends on itself`}},
		"a circle": {
			[]string{"aa01", "bb01 < bb03,aa01", "bb02 < bb01", "bb03 < bb02"},
			[]string{`revision "bb01" (20261124_bb01), revision "bb02" (20261124_bb02), revision "bb03" (20261124_bb03) follow one another in a circle`},
		},
		"a circle of dependencies": {
			[]string{"aa01", "bb01 < aa01 + cc01", "cc01 < aa01 + bb01"},
			[]string{`revision "bb01" (20261124_bb01), revision "cc01" (20261124_cc01) depend on one another in a circle`},
		},
		"all at once": {
			[]string{"aa01", "aa01", "bb01 < zz01", "cc01 < cc02", "cc02 < cc01", "dd01 + yy01"},
			[]string{"has the id of", `"zz01"`, "in a circle", `"yy01"`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := graph.New(revs(test.lines...))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if strings.Count(err.Error(), "migrate: ") != 1 {
				t.Errorf("not prefixed once: %q", err)
			}
			if got := strings.Count(err.Error(), "\n") + 1; got != len(test.want) {
				t.Errorf("got %d errors, want %d: %v", got, len(test.want), err)
			}
		})
	}
}

func TestGraphWith(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "aa01 @ main", "aa02 < aa01")
	again, later, clash := rev("aa02 < aa01"), rev("aa03 < aa02"), rev("bb01 @ main,side")
	more, err := g.With(again, later, later, clash)
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(more.Heads()); !reflect.DeepEqual(got, []string{"aa03", "bb01"}) {
		t.Errorf("heads: got %v", got)
	}
	if got := more.Labels("bb01"); !reflect.DeepEqual(got, []string{"side"}) {
		t.Errorf("labels: got %v", got)
	}
	if r, err := more.Get("aa02"); err != nil || r == again {
		t.Errorf("the revision that was there is replaced (%v)", err)
	}
	if !reflect.DeepEqual(clash.BranchLabels, []string{"main", "side"}) {
		t.Errorf("the revision itself is changed: %v", clash.BranchLabels)
	}
	if got := ids(g.Heads()); !reflect.DeepEqual(got, []string{"aa02"}) {
		t.Errorf("the graph itself is changed: heads %v", got)
	}
	if _, err := g.With(rev("cc01 < zz09")); err == nil {
		t.Error("a revision without its parent is accepted")
	}
}

// Ten times the revisions take 25 to 30 times as long. If the history were walked once for each pair of
// revisions, it would be a thousand times. The best of a few runs counts, because machines are busy.
func TestLongHistoryIsQuick(t *testing.T) {
	t.Parallel()
	const few, factor, most, runs = 400, 10, 200, 3
	best := map[int]time.Duration{}
	for range runs {
		for _, n := range []int{few, few * factor} {
			took := planWhole(t, n)
			if was, ok := best[n]; !ok || took < was {
				best[n] = took
			}
		}
	}
	if best[few*factor] > most*best[few] {
		t.Errorf("%d revisions took %v, and %d took %v", few, best[few], few*factor, best[few*factor])
	}
}

// planWhole plans the upgrade and the downgrade of a history of n revisions, and returns how long it took.
func planWhole(t *testing.T, n int) time.Duration {
	t.Helper()
	var revisions []*graph.Revision
	for i := range n {
		r := rev(fmt.Sprintf("r%05d", i))
		if i > 0 {
			r.DownRevisions = []string{fmt.Sprintf("r%05d", i-1)}
		}
		revisions = append(revisions, r)
	}
	head := revisions[n-1].ID
	slices.Reverse(revisions)
	start := time.Now()
	g, err := graph.New(revisions)
	if err != nil {
		t.Fatal(err)
	}
	up, err := g.UpgradePlan([]string{"head"}, nil)
	if err != nil || len(up) != n {
		t.Errorf("upgrade: %d steps, %v", len(up), err)
	}
	down, err := g.DowngradePlan("base", []string{head})
	if err != nil || len(down) != n {
		t.Errorf("downgrade: %d steps, %v", len(down), err)
	}
	return time.Since(start)
}
