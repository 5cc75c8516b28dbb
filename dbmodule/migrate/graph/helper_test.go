package graph_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// rev makes a revision of a line: "c < a,b + x,y @ label" follows a and b,
// depends on x and y, and begins the branch "label".
func rev(line string) *graph.Revision {
	line, labels, _ := strings.Cut(line, "@")
	line, depends, _ := strings.Cut(line, "+")
	id, parents, _ := strings.Cut(line, "<")
	id = strings.TrimSpace(id)
	return &graph.Revision{
		ID:            id,
		Message:       "make " + id,
		DownRevisions: list(parents),
		DependsOn:     list(depends),
		BranchLabels:  list(labels),
		CreateDate:    time.Date(2026, 11, 24, 20, 30, 0, 0, time.UTC),
		Folder:        "20261124_" + id,
	}
}

func list(commas string) []string {
	return strings.FieldsFunc(commas, func(r rune) bool { return r == ',' || r == ' ' })
}

func revs(lines ...string) []*graph.Revision {
	revisions := make([]*graph.Revision, len(lines))
	for i, line := range lines {
		revisions[i] = rev(line)
	}
	return revisions
}

func newGraph(t *testing.T, lines ...string) *graph.Graph {
	t.Helper()
	g, err := graph.New(revs(lines...))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func ids(revisions []*graph.Revision) []string {
	texts := []string{}
	for _, r := range revisions {
		texts = append(texts, r.ID)
	}
	return texts
}
