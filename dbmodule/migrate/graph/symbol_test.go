package graph_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func TestSelect(t *testing.T) {
	t.Parallel()
	g := newGraph(t, append(library, "1234 < ee07", "2024_01_05", "2024_01_06 < 2024_01_05 @ v1-2", "abc")...)
	tests := map[string]string{ // or the error
		"aa01":                  "aa01",
		"b":                     "ambiguous bb03, books",
		"bb":                    "bb03",
		"boo":                   "bb03",
		"books":                 "bb03",
		"ab":                    "unknown",
		"abc":                   "abc",
		"1234":                  "1234",
		"12":                    "1234",
		"2024_01_05":            "2024_01_05",
		"2024_01":               "ambiguous 2024_01_05, 2024_01_06",
		"v1-2":                  "2024_01_06",
		"heads":                 "dd05 1234 2024_01_06 abc",
		"head":                  "multiple dd05, 1234, 2024_01_06, abc",
		"base":                  "",
		"books@base":            "",
		"books@head":            "dd05",
		"books@heads":           "dd05",
		"users@head":            "1234",
		"aa02@head":             "dd05",
		"books@aa01":            "aa01",
		"books@aa":              "ambiguous aa01, aa02",
		"users@e":               "ambiguous ee06, ee07",
		"books@ee06":            `revision ee06 is not on the branch "books"`,
		"books@ee":              "unknown",
		"nothing":               "unknown",
		"nothing@head":          "unknown",
		"nothing@base":          "unknown",
		"nothing@-1":            "unknown",
		"":                      "unknown",
		"@":                     "unknown",
		"books@a@b":             "unknown",
		"books@-1":              "several revisions come next (bb03, cc04)",
		"users@-2":              "ee06",
		"users@-3":              "leads to base",
		"users@-9":              "there are only 3",
		"+1":                    "is relative",
		"bb03+1":                "is relative",
		"bb03-1":                "is relative",
		"-99999999999999999999": "the number is too large",
	}
	for symbol, want := range tests {
		t.Run(symbol, func(t *testing.T) {
			t.Parallel()
			revisions, err := g.Select(symbol)
			if err == nil {
				if got := strings.Join(ids(revisions), " "); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				return
			}
			if want == "" || !strings.Contains(kindOf(err), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			if strings.Count(err.Error(), "migrate: ") != 1 {
				t.Errorf("not prefixed once: %v", err)
			}
		})
	}
}

// kindOf names the types that callers branch on.
func kindOf(err error) string {
	var unknown *graph.UnknownRevisionError
	var ambiguous *graph.AmbiguousRevisionError
	var multiple *graph.MultipleHeadsError
	switch {
	case errors.As(err, &unknown):
		return "unknown"
	case errors.As(err, &ambiguous):
		return "ambiguous " + strings.Join(ambiguous.Candidates, ", ")
	case errors.As(err, &multiple):
		return "multiple " + strings.Join(multiple.Heads, ", ")
	}
	return err.Error()
}

func TestGet(t *testing.T) {
	t.Parallel()
	g := newGraph(t, library...)
	if r, err := g.Get("books@head"); err != nil || r.ID != "dd05" {
		t.Errorf("books@head: got %v, %v", r, err)
	}
	for _, symbol := range []string{"heads", "head", "base", "users@base", "-1", "users@-1", "ee07-1", "nothing"} {
		if r, err := g.Get(symbol); err == nil {
			t.Errorf("%s: got %s", symbol, r.ID)
		}
	}
}

func TestUnknownRevisionSuggests(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "1f0c2d9a4b7e @ books", "2a9d55e01c3f < 1f0c2d9a4b7e @ v1")
	for symbol, want := range map[string][]string{
		"1f0c2d9a4b78":  {"1f0c2d9a4b7e"},
		"1f0cd9a4b7e":   {"1f0c2d9a4b7e"},
		"bokos":         {"books"},
		"book":          nil, // a part of it is enough
		"xy":            nil, // as near to "v1" as to anything
		"somethingelse": nil,
	} {
		_, err := g.Get(symbol)
		var unknown *graph.UnknownRevisionError
		if want == nil && err == nil {
			continue
		}
		if !errors.As(err, &unknown) || !reflect.DeepEqual(append([]string(nil), unknown.Near...), want) {
			t.Errorf("%s: got %v, want %v", symbol, err, want)
		}
	}
	_, err := g.Applied([]string{"1f0c2d9a4b7f"})
	var unknown *graph.UnknownRevisionError
	if !errors.As(err, &unknown) || !unknown.Recorded || !strings.Contains(err.Error(), "the database is at revision") {
		t.Errorf("a row that is no revision: got %v", err)
	}
}
