package httpstatus

import (
	"errors"
	"io/fs"
	"os"
	"runtime/debug"
	"runtime/metrics"

	"github.com/openhands-go/server/dbmodule"
)

// Storage is where a SQLite database is kept. Sizes are in bytes, below 0 where they are
// not known.
type Storage struct {
	File int64 `json:"file"`
	// Log is the write-ahead log, which a checkpoint empties.
	Log int64 `json:"log"`
	// Free is what is left of the disk, for this process, and Disk its size.
	Free int64 `json:"free"`
	Disk int64 `json:"disk"`
}

// storageOf returns nil for a database that is no file of this machine's.
func storageOf(db *dbmodule.Database) *Storage {
	if db.Engine() != dbmodule.SQLite || db.URL().Memory() {
		return nil
	}
	path := db.URL().Path()
	free, disk := diskOf(path)
	return &Storage{File: sizeOf(path), Log: sizeOf(path + "-wal"), Free: free, Disk: disk}
}

// sizeOf is 0 for a file that is not there: SQLite makes its log when it needs one.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	switch {
	case err == nil:
		return info.Size()
	case errors.Is(err, fs.ErrNotExist):
		return 0
	}
	return -1
}

// memoryInUse is what this process has of the machine's memory, in bytes, as Go counts it.
func memoryInUse() int64 {
	asked := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(asked)
	return int64(asked[0].Value.Uint64()) - int64(asked[1].Value.Uint64()) //nolint:gosec // far below 2^63
}

// memoryLimit is the memory that Go keeps to, 0 for none.
func memoryLimit() int64 {
	const none = 1 << 62
	if limit := debug.SetMemoryLimit(-1); limit < none {
		return limit
	}
	return 0
}
