package program

import (
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"
)

// goShare is the share of a container's memory that Go's runtime may use. The rest is for memory that
// the runtime does not count: SQLite's own memory, the system's stacks and buffers.
const goShare = 0.8

// limitMemory sets the runtime's memory limit, so that it collects garbage before the system kills the
// process. Without a setting the limit is GOMEMLIMIT, or derived from the limit of the container or
// service.
func limitMemory(setting int64, log *zap.Logger) {
	switch {
	case setting > 0:
		debug.SetMemoryLimit(setting)
	case os.Getenv("GOMEMLIMIT") != "": // the runtime has read it
	default:
		limit, err := memlimit.FromCgroup()
		if err != nil {
			log.Debug("no memory limit of a container or service", zap.Error(err))
			return
		}
		debug.SetMemoryLimit(int64(goShare * float64(limit)))
	}
	log.Debug("memory limit", zap.Int64("bytes", debug.SetMemoryLimit(-1)))
}

// defaultGCPercent is used without a setting. A server's heap is small, and most of it is garbage of
// requests: with Go's own default, 100, it would be collected every few hundred requests. MEMORY_LIMIT
// still limits the heap.
const defaultGCPercent = 200

// setGCPercent sets how much garbage may accumulate between two collections.
func setGCPercent(setting int) {
	switch {
	case setting > 0:
		debug.SetGCPercent(setting)
	case os.Getenv("GOGC") == "": // otherwise the runtime has read it
		debug.SetGCPercent(defaultGCPercent)
	}
}
