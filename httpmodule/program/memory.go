package program

import (
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"
)

// goShare is how much of a container's memory Go's runtime may fill. The rest is for what
// it does not count: SQLite's own memory, stacks of the system, buffers.
const goShare = 0.8

// limitMemory tells Go's runtime how much memory the process may use, so that it
// collects garbage in time instead of being ended by the system. Without a setting that is
// the limit of the container or service, if it has one.
func limitMemory(setting int64, log *zap.Logger) {
	switch {
	case setting > 0:
		debug.SetMemoryLimit(setting)
	case os.Getenv("GOMEMLIMIT") != "": // the runtime knows
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

// gcPercent is the collector's target without a setting. Most of such a program's heap is
// garbage of requests: what is in use is so little that by Go's own target, 100, it is
// searched every few hundred requests. MEMORY_LIMIT bounds it beside this.
const gcPercent = 200

// aimCollector tells Go's collector how much garbage may come between two collections.
func aimCollector(setting int) {
	switch {
	case setting > 0:
		debug.SetGCPercent(setting)
	case os.Getenv("GOGC") == "": // or the runtime knows
		debug.SetGCPercent(gcPercent)
	}
}
