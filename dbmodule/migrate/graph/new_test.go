package graph_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func TestPlanNewRevision(t *testing.T) {
	t.Parallel()
	line := newGraph(t, "aa01 @ main", "aa02 < aa01", "zz09 < aa02")
	forked := newGraph(t, library...)
	tests := map[string]struct {
		graph *graph.Graph
		plan  graph.NewRevision
		want  string // parents, then dependencies, or a part of the error
	}{
		"the head":                 {line, graph.NewRevision{ID: "new1"}, "zz09;"},
		"a first one":              {line, graph.NewRevision{ID: "new1", Heads: []string{"base"}}, ";"},
		"in nothing":               {newGraph(t), graph.NewRevision{ID: "new1"}, ";"},
		"no head":                  {line, graph.NewRevision{ID: "new1", Heads: []string{"aa01"}}, "aa01 is not a head, aa02 follows it already"},
		"spliced":                  {line, graph.NewRevision{ID: "new1", Heads: []string{"aa01"}, Splice: true}, "aa01;"},
		"several heads":            {forked, graph.NewRevision{ID: "new1"}, "multiple dd05, ee07"},
		"a head of several":        {forked, graph.NewRevision{ID: "new1", Heads: []string{"books@head"}}, "dd05;"},
		"a merge":                  {forked, graph.NewRevision{ID: "new1", Heads: []string{"heads"}}, "dd05 ee07;"},
		"a merge of names":         {forked, graph.NewRevision{ID: "new1", Heads: []string{"ee07", "dd"}}, "ee07 dd05;"},
		"a merge of one twice":     {forked, graph.NewRevision{ID: "new1", Heads: []string{"dd05", "dd"}}, "dd05 twice"},
		"a dependency":             {forked, graph.NewRevision{ID: "new1", Heads: []string{"dd05"}, DependsOn: []string{"ee0", "users"}}, "ambiguous"},
		"a dependency by label":    {forked, graph.NewRevision{ID: "new1", Heads: []string{"dd05"}, DependsOn: []string{"users", "ee07"}}, "dd05;users ee07"},
		"a dependency by part":     {forked, graph.NewRevision{ID: "new1", Heads: []string{"ee07"}, DependsOn: []string{"bb"}}, "ee07;bb03"},
		"an unknown dependency":    {forked, graph.NewRevision{ID: "new1", Heads: []string{"ee07"}, DependsOn: []string{"nothing"}}, "unknown"},
		"base as dependency":       {forked, graph.NewRevision{ID: "new1", Heads: []string{"ee07"}, DependsOn: []string{"base"}}, "names no revision"},
		"an unknown head":          {forked, graph.NewRevision{ID: "new1", Heads: []string{"nothing"}}, "unknown"},
		"a taken id":               {line, graph.NewRevision{ID: "aa01"}, `revision "aa01" (new) has the id of`},
		"an id that can't be one":  {line, graph.NewRevision{ID: "a@b"}, "has an id that can't be one"},
		"a taken label":            {line, graph.NewRevision{ID: "new1", BranchLabels: []string{"main"}}, `has the branch label "main", as has`},
		"a label":                  {line, graph.NewRevision{ID: "new1", BranchLabels: []string{"next"}}, "zz09;"},
		"a label that can't be it": {line, graph.NewRevision{ID: "new1", BranchLabels: []string{"head"}}, "has a branch label that can't be one"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.plan.Message = "say why"
			r, err := test.graph.PlanRevision(test.plan)
			if err != nil {
				if test.want == "" || !strings.Contains(kindOf(err), test.want) || strings.Count(err.Error(), "migrate: ") != 1 {
					t.Errorf("got %v, want %q", err, test.want)
				}
				return
			}
			if got := strings.Join(r.DownRevisions, " ") + ";" + strings.Join(r.DependsOn, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if r.ID != test.plan.ID || r.Message != "say why" || r.Folder != "" || !reflect.DeepEqual(r.BranchLabels, test.plan.BranchLabels) {
				t.Errorf("got %+v", r)
			}
		})
	}
}
