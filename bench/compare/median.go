package compare

import (
	"cmp"
	"slices"
)

// median is the middle of the values, of two the mean, and zero of none.
func median[T interface {
	cmp.Ordered
	~int64 | ~float64
}](values []T) T {
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

func medianOf[S any, T interface {
	cmp.Ordered
	~int64 | ~float64
}](samples []S, of func(S) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	return median(values)
}
