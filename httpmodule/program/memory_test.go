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
