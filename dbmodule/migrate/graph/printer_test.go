package graph_test

import (
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func TestPrinter(t *testing.T) {
	t.Parallel()
	g := newGraph(t, append(library, "ff08 + dd05")...)
	p := graph.Printer{Graph: g, Root: "migrations", Current: []string{"dd05"}}
	long := graph.Printer{Graph: g, Root: "migrations", Verbose: true}
	get := func(id string) *graph.Revision {
		r, err := g.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	dropped := &graph.Revision{ID: "ff09", Message: "gone", DownRevisions: []string{"ff08"}}
	more, err := g.With(dropped)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ got, want string }{
		"head":            {p.Head(get("ee07")), "ee07 (users) (head)"},
		"effective head":  {p.Head(get("dd05")), "dd05 (books) (effective head) (current)"},
		"current":         {p.CurrentHead(get("dd05")), "dd05 (effective head) (current) (mergepoint)"},
		"history":         {p.History(get("dd05")), "bb03, cc04 -> dd05 (books) (effective head) (current) (mergepoint), make dd05"},
		"a branch point":  {p.History(get("aa02")), "aa01 -> aa02 (branchpoint), make aa02"},
		"with dependency": {p.History(get("ee07")), "ee06 (bb03) -> ee07 (users) (head), make ee07"},
		"a base":          {p.History(get("aa01")), "<base> -> aa01, make aa01"},
		"branches":        {p.Branch(get("aa02")), "aa02 (branchpoint)\n     -> bb03 (books)\n     -> cc04\n"},
		"branches in full": {long.Branch(get("aa02")), long.Show(get("aa02")) +
			"\n     -> bb03 (books), make bb03\n     -> cc04, make cc04\n"},
		"show": {p.Show(get("dd05")), `Rev: dd05 (head) (mergepoint) (current)
Merges: bb03, cc04
Branch names: books
Path: migrations/20261124_dd05/revision.txt

    make dd05
    
    Revision ID: dd05
    Revises: bb03, cc04
    Branch Labels:
    Depends On:
    Create Date: 2026-11-24T20:30:00Z
`},
		"show a branch point":     {long.Head(get("aa02")), long.Show(get("aa02"))},
		"show a dependency":       {firstLines(p.Show(get("ee07")), 3), "Rev: ee07 (head)\nParent: ee06\nAlso depends on: bb03\n"},
		"show where it branches":  {firstLines(p.Show(get("aa02")), 3), "Rev: aa02 (branchpoint)\nParent: aa01\nBranches into: bb03, cc04\n"},
		"show one of no one else": {firstLines(graph.Printer{Graph: more, Root: "migrations"}.Show(dropped), 3), "Rev: ff09 (head)\nParent: ff08\nPath: (only in the database's history)\n"},
	}
	for name, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, test.got, test.want)
		}
	}
}

func firstLines(text string, n int) string {
	for i := range text {
		if text[i] == '\n' {
			if n--; n == 0 {
				return text[:i+1]
			}
		}
	}
	return text
}
