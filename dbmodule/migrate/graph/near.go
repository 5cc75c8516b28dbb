package graph

import (
	"cmp"
	"maps"
	"slices"

	"github.com/agext/levenshtein"
)

const (
	nearCount    = 3
	nearDistance = 2
)

// near returns at most nearCount ids and labels, those with the spelling most similar to the
// symbol's.
func (g *Graph) near(symbol string) []string {
	distances := map[string]int{}
	for candidate := range g.names {
		if d := levenshtein.Distance(symbol, candidate, nil); d <= nearDistance && d < len(candidate) {
			distances[candidate] = d
		}
	}
	names := slices.SortedFunc(maps.Keys(distances), func(a, b string) int {
		return cmp.Or(cmp.Compare(distances[a], distances[b]), cmp.Compare(a, b))
	})
	return names[:min(len(names), nearCount)]
}

// hint returns the suggestions of near, as a part of an error's text.
func (g *Graph) hint(symbol string) string { return didYouMean(g.near(symbol)) }
