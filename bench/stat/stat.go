// Package stat has the few statistics that figures are made with.
package stat

import (
	"cmp"
	"fmt"
	"slices"
)

// Number is what there are medians of.
type Number interface {
	cmp.Ordered
	~int64 | ~float64
}

// Median is the middle of the values, of two the mean, and zero of none.
func Median[T Number](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Ratio is a median of ratios, with the least and the most.
type Ratio struct{ Median, Least, Most float64 }

// String shows the median and the range.
func (r Ratio) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", r.Median, r.Least, r.Most) }

// RatioOf compares values that were measured in the same round, pair by pair:
// what slowed a round down slowed both. A pair without a divisor is left out.
func RatioOf[T Number](values, divisors []T) Ratio {
	var ratios []float64
	for i, v := range values {
		if divisors[i] != 0 {
			ratios = append(ratios, float64(v)/float64(divisors[i]))
		}
	}
	if len(ratios) == 0 {
		return Ratio{}
	}
	return Ratio{Median: Median(ratios), Least: slices.Min(ratios), Most: slices.Max(ratios)}
}
