package program

import (
	"math"
	"runtime/debug"
	"testing"

	"go.uber.org/zap"
)

// It sets the limit of the whole process.
func TestMemoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	debug.SetMemoryLimit(math.MaxInt64)
	limitMemory(1<<40, zap.NewNop())
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("MEMORY_LIMIT: limit %d", got)
	}
	t.Setenv("GOMEMLIMIT", "2TiB")
	debug.SetMemoryLimit(2 << 40) // as the runtime does at its start
	limitMemory(0, zap.NewNop())
	if got := debug.SetMemoryLimit(-1); got != 2<<40 {
		t.Errorf("GOMEMLIMIT: limit %d", got)
	}
}

// It sets the target of the whole process.
func TestCollectorTarget(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	for _, test := range []struct {
		setting   int
		gogc      string
		want, was int
	}{
		{setting: 0, want: 200, was: 100},
		{setting: 0, gogc: "70", want: 70, was: 70}, // as the runtime does at its start
		{setting: 300, gogc: "70", want: 300, was: 70},
	} {
		t.Setenv("GOGC", test.gogc)
		debug.SetGCPercent(test.was)
		setGCPercent(test.setting)
		if got := debug.SetGCPercent(test.was); got != test.want {
			t.Errorf("GC_PERCENT=%d, GOGC=%q: %d", test.setting, test.gogc, got)
		}
	}
}
