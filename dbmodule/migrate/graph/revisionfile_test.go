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

// A message may begin as a field does, and have several lines.
func TestMessagesThatLookLikeFields(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"Revision ID: none yet":  "Revision ID: none yet",
		"Revises: what was done": "Revises: what was done",
		"one\n\nRevision ID: x":  "one Revision ID: x",
		"Revision ID:":           "Revision ID:",
	} {
		text := (&graph.Revision{ID: "a1", Message: message}).Text()
		r, err := graph.ParseRevision(text)
		if err != nil || r.ID != "a1" || r.Message != want {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
	if _, err := graph.ParseRevision("Revision ID: a1\nRevises:\n"); err == nil || !strings.Contains(err.Error(), "begin with a message") {
		t.Error(err)
	}
}

func TestReplacedChecksums(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("0f", 32)
	r, err := graph.ParseRevision("one\n\nRevision ID: a1\nRevises:\nReplaces: " + sum + "\n")
	if err != nil || len(r.Replaces) != 1 || !strings.Contains(r.Text(), "\nReplaces: "+sum+"\n") {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := graph.ParseRevision("one\n\nRevision ID: a1\nRevises:\nReplaces: abc\n"); err == nil || !strings.Contains(err.Error(), `Replaces "abc"`) {
		t.Error(err)
	}
}
