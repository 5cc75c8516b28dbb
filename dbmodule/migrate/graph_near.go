package migrate

import (
	"cmp"
	"maps"
	"slices"
)

const (
	nearCount    = 3
	nearDistance = 2
)

// near returns the few names that look most like the symbol.
func (g *Graph) near(symbol string) []string {
	distances := map[string]int{}
	for candidate := range g.names {
		if d := distance(symbol, candidate); d <= nearDistance && d < len(candidate) {
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

// distance counts the bytes to insert, remove or replace to make b of a. It
// stops counting where the lengths alone are too far apart.
func distance(a, b string) int {
	if d := abs(len(a) - len(b)); d > nearDistance {
		return d
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
