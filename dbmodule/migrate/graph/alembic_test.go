package graph_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
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

// alembic is a process that answers with the real Alembic.
type alembic struct {
	in  io.Writer
	out *bufio.Reader
}

func startAlembic(t *testing.T) *alembic {
	t.Helper()
	cmd := exec.Command(alembicPython(t), "testdata/alembic_graph.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &alembic{in, bufio.NewReader(out)}
}

// alembicPython returns a Python that has Alembic. Distributions install it
// for their own Python, which need not be the first on PATH.
func alembicPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import alembic").Run() == nil {
			return python
		}
	}
	const reason = "no python3 has Alembic: install the package alembic"
	if os.Getenv("DBTEST_REQUIRE") == "all" {
		t.Fatalf("%s (DBTEST_REQUIRE asks for all)", reason)
	}
	t.Skip(reason)
	return ""
}

// ask returns Alembic's answers: one that is an error if it refuses the graph,
// none if it takes it and nothing was asked.
func (a *alembic) ask(t *testing.T, revisions []*graph.Revision, queries []query) []answer {
	t.Helper()
	request := map[string]any{"queries": append([]query{}, queries...)}
	var scripts []map[string]any
	for _, r := range revisions {
		scripts = append(scripts, map[string]any{
			"id": r.ID, "down": append([]string{}, r.DownRevisions...), "depends": append([]string{}, r.DependsOn...),
			"labels": append([]string{}, r.BranchLabels...), "doc": document(r), "path": path.Join(r.Folder, "revision.txt"),
		})
	}
	request["revisions"] = scripts
	if err := json.NewEncoder(a.in).Encode(request); err != nil {
		t.Fatal(err)
	}
	line, err := a.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answers []answer
	if err := json.Unmarshal(line, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

// document is a docstring with what revision.txt says.
func document(r *graph.Revision) string {
	lines := []string{
		r.Message, "",
		"Revision ID: " + r.ID,
		"Revises: " + strings.Join(r.DownRevisions, ", "),
		"Branch Labels: " + strings.Join(r.BranchLabels, ", "),
		"Depends On: " + strings.Join(r.DependsOn, ", "),
		"Create Date: 2026-11-24T20:30:00Z",
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
