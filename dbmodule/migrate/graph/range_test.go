package graph_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func TestRange(t *testing.T) {
	t.Parallel()
	g := newGraph(t, library...)
	tests := []struct{ spec, rows, want string }{
		{":", "", "dd05 ee07 ee06 bb03 cc04 aa02 aa01"},
		{"aa02:dd05", "", "dd05 bb03 cc04 aa02"},
		{"aa02:", "", "dd05 bb03 cc04 aa02"},
		{":aa02", "", "aa02 aa01"},
		{"base:aa02", "", "aa02 aa01"},
		{"aa01:+1", "", "aa02 aa01"},
		{"cc04:+9", "", "dd05 cc04"},
		{"-1:bb03", "", "bb03 aa02"},
		{"-2:bb03", "", "bb03 aa02 aa01"},
		{"-3:bb03", "", "bb03 aa02 aa01"},
		{"-9:bb03", "", "bb03 aa02 aa01"},
		{"-1:current", "aa02", "aa02 aa01"},
		{"current:", "cc04", "dd05 cc04"},
		{":current", "ee06, aa02", "aa02 aa01 ee06"},
		{"current:+1", "aa01", "aa02 aa01"},
		{"current:current", "aa02", "aa02"},
		{":current", "", ""},
		{"current:aa01", "", "aa01"},
		{"users@base:", "", "ee07 ee06 bb03 aa02 aa01"},
		{"users@-1:heads", "", "ee07 ee06"},
		{"ee06:ee07", "", "ee07 ee06"},
		{" aa01:aa01 ", "", "aa01"},
		{"aa02:aa01", "", "aa02 does not come before aa01"},
		{"ee06:dd05", "", "ee06 does not come before dd05"},
		{"+1:", "", "but not up"},
		{"zz09@-1:", "", "unknown"},
		{"zz09:", "", "unknown"},
		{":zz09", "", "unknown"},
		{"-1:zz09", "", "unknown"},
		{"-1:dd05", "", "several revisions come next"},
		{":current", "zz09", "unknown"},
		{":current", "aa01, aa02", "aa02 comes after aa01"},
		{"aa01", "", "takes start:end"},
		{"aa01:aa02:bb03", "", "takes start:end"},
	}
	for _, test := range tests {
		t.Run(test.spec+" at "+test.rows, func(t *testing.T) {
			t.Parallel()
			start, end, err := graph.CutRange(test.spec)
			var revisions []*graph.Revision
			if err == nil {
				revisions, err = g.Range(start, end, list(test.rows))
			}
			if err == nil {
				if got := strings.Join(ids(revisions), " "); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
				return
			}
			if test.want == "" || !strings.Contains(kindOf(err), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRangeErrorIsTyped(t *testing.T) {
	t.Parallel()
	_, err := newGraph(t, library...).Range("ee06", "dd05", nil)
	var notAncestor *graph.NotAncestorError
	if !errors.As(err, &notAncestor) || notAncestor.Lower != "ee06" || notAncestor.Upper != "dd05" {
		t.Errorf("got %v", err)
	}
}
