package graph_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func TestRevisionText(t *testing.T) {
	t.Parallel()
	r := &graph.Revision{ID: "a1", Message: "make it so", DownRevisions: []string{"b2", "c3"}, BranchLabels: []string{"x"}}
	again, err := graph.ParseRevision(strings.ReplaceAll(r.Text(), "\n", "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if again.Text() != r.Text() || len(again.DownRevisions) != 2 || again.Message != r.Message {
		t.Errorf("%q became %q", r.Text(), again.Text())
	}
}
