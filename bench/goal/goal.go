// Package goal marks figures as reached or short. It judges a figure as it is
// printed.
package goal

import (
	"math"

	"github.com/openhands-go/server/bench/stat"
)

// Mark is the word for a figure.
func Mark(reached bool) string {
	if reached {
		return "reached"
	}
	return "short"
}

// AtLeast shows a ratio that is to be as much or more.
func AtLeast(r stat.Ratio, least float64) string {
	return r.String() + " " + Mark(printed(r.Median) >= least)
}

// AtMost shows a ratio that is to be as much or less.
func AtMost(r stat.Ratio, most float64) string {
	return r.String() + " " + Mark(Within(r, most))
}

// Within says that a ratio is as much or less.
func Within(r stat.Ratio, most float64) bool { return printed(r.Median) <= most }

func printed(f float64) float64 { return math.Round(f*100) / 100 }
