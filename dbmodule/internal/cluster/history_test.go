package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
)

func TestHistoryTellsHowFarBehind(t *testing.T) {
	t.Parallel()
	var h cluster.History
	start := time.Now()
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	before := func(position uint64) (seconds int, latest, ok bool) {
		seen, latest, ok := h.Before(position)
		return int(seen.Sub(start) / time.Second), latest, ok
	}

	_, _, ok := h.Before(100)
	assert.False(t, ok, "nothing is known")
	h.Add(at(1), 100)
	h.Add(at(2), 200)
	h.Add(at(3), 200) // idle
	h.Add(at(4), 200)
	h.Add(at(5), 300)

	seconds, latest, ok := before(250)
	assert.Equal(t, []any{4, false, true}, []any{seconds, latest, ok}, "it had everything until the primary moved on")
	seconds, latest, ok = before(300)
	assert.Equal(t, []any{5, true, true}, []any{seconds, latest, ok})
	_, _, ok = h.Before(99)
	assert.False(t, ok)

	assert.True(t, h.Add(at(6), 150), "another primary, whose log is shorter")
	_, latest, ok = before(150)
	assert.Equal(t, []any{true, true}, []any{latest, ok})

	for i := range 5000 {
		h.Add(at(10+i), uint64(1000+i))
	}
	assert.LessOrEqual(t, h.Len(), cluster.LongestHistory)
	_, _, ok = h.Before(1001)
	assert.True(t, ok, "it reaches further back than its length")
}
