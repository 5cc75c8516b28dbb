package stat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/bench/stat"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	assert.Zero(t, stat.Median[float64](nil))
	assert.Equal(t, 3.0, stat.Median([]float64{9, 1, 3}))
	assert.Equal(t, 2*time.Second, stat.Median([]time.Duration{time.Second, 3 * time.Second}))
}

func TestRatioOf(t *testing.T) {
	t.Parallel()
	// The second round was slow for both.
	assert.Equal(t, stat.Ratio{Median: 2, Least: 2, Most: 2.5}, stat.RatioOf([]float64{20, 2, 25}, []float64{10, 1, 10}))
	assert.Equal(t, stat.Ratio{Median: 0.5, Least: 0.5, Most: 0.5}, stat.RatioOf([]float64{1, 1}, []float64{2, 0}))
	assert.Equal(t, stat.Ratio{}, stat.RatioOf([]float64{1}, []float64{0}))
}
