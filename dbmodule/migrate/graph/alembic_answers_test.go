package graph_test

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// query is a question that both sides answer.
type query struct {
	Ask     string   `json:"ask"`
	ID      string   `json:"id"`
	Target  string   `json:"target"`
	Targets []string `json:"targets"`
	Start   string   `json:"start"`
	End     string   `json:"end"`
	Rows    []string `json:"rows"`
	Depends []string `json:"depends"`
	Splice  bool     `json:"splice"`
}

func (q query) String() string {
	text, _ := json.Marshal(q)
	return string(text)
}

type answer struct {
	Error string       `json:"error"`
	IDs   []string     `json:"ids"`
	Text  []string     `json:"text"`
	Steps []stepAnswer `json:"steps"`
}

type stepAnswer struct {
	Text    string            `json:"text"`
	Deletes []string          `json:"deletes"`
	Inserts []string          `json:"inserts"`
	Updates []graph.RowUpdate `json:"updates"`
	Rows    []string          `json:"rows"`
	Open    bool              `json:"open"`
}

func answerOf(g *graph.Graph, q query) (a answer) {
	var revisions []*graph.Revision
	var steps []graph.Step
	var err error
	switch q.Ask {
	case "heads":
		revisions = g.Heads()
	case "bases":
		revisions = g.Bases()
	case "order":
		revisions = g.Revisions()
		slices.Reverse(revisions)
	case "get":
		var r *graph.Revision
		if r, err = g.Get(q.Target); err == nil {
			revisions = []*graph.Revision{r}
		}
	case "select":
		revisions, err = g.Select(q.Target)
	case "current":
		revisions, err = g.AppliedHeads(q.Rows)
	case "history":
		revisions, err = g.Range(q.Start, q.End, q.Rows)
	case "upgrade":
		steps, err = g.UpgradePlan([]string{q.Target}, q.Rows)
	case "downgrade":
		steps, err = g.DowngradePlan(q.Target, q.Rows)
	case "stamp":
		steps, err = g.StampPlan(q.Targets, q.Rows)
	case "texts":
		a.Text = textsOf(g, q.Rows)
	case "printed":
		a.Text = printedOf(g)
	case "new":
		var r *graph.Revision
		r, err = g.PlanRevision(graph.NewRevision{ID: q.ID, Heads: q.Targets, Splice: q.Splice, DependsOn: q.Depends})
		if err == nil {
			a.IDs, a.Text = r.DownRevisions, r.DependsOn
		}
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	if revisions != nil {
		a.IDs = ids(revisions)
	}
	return withSteps(a, steps, q.Rows)
}

func withSteps(a answer, steps []graph.Step, rows []string) answer {
	for _, s := range steps {
		var err error
		if rows, err = s.Rows(rows); err != nil {
			return answer{Error: "IMPOSSIBLE " + err.Error()}
		}
		after := slices.Sorted(slices.Values(rows))
		a.Steps = append(a.Steps, stepAnswer{string(s.Direction) + " " + s.String(), s.Deletes, s.Inserts, s.Updates, after, false})
	}
	return a
}

func textsOf(g *graph.Graph, rows []string) (texts []string) {
	short := graph.Printer{Graph: g, Current: rows}
	long := graph.Printer{Graph: g, Current: rows, Verbose: true}
	revisions := g.Revisions()
	slices.SortFunc(revisions, func(a, b *graph.Revision) int { return strings.Compare(a.Folder, b.Folder) })
	for _, r := range revisions {
		texts = append(texts, short.Head(r), short.CurrentHead(r), short.History(r), long.History(r))
	}
	return texts
}

// printedOf is what the commands heads, heads with dependencies resolved,
// branches and history print, short and verbose, and show heads.
func printedOf(g *graph.Graph) (texts []string) {
	newestFirst := g.Revisions()
	slices.Reverse(newestFirst)
	branchPoints := slices.DeleteFunc(slices.Clone(newestFirst), func(r *graph.Revision) bool { return !g.IsBranchPoint(r.ID) })
	show := func(revisions []*graph.Revision, text func(*graph.Revision) string) {
		all := ""
		for _, r := range revisions {
			all += text(r) + "\n"
		}
		texts = append(texts, all)
	}
	for _, verbose := range []bool{false, true} {
		p := graph.Printer{Graph: g, Verbose: verbose}
		show(g.Heads(), p.Head)
		show(g.HeadRows(), p.Head)
		show(branchPoints, p.Branch)
		show(newestFirst, p.History)
	}
	show(g.HeadRows(), graph.Printer{Graph: g}.Show)
	return texts
}
