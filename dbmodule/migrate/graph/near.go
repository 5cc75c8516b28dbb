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

// near returns the few names that look most like the symbol.
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

// hint is near as part of a message.
func (g *Graph) hint(symbol string) string { return didYouMean(g.near(symbol)) }
