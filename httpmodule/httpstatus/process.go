package httpstatus

import (
	"errors"
	"io/fs"
	"os"
	"runtime/debug"
	"runtime/metrics"

	"github.com/openhands-go/server/dbmodule"
)

// Storage is the disk space of a SQLite database. Sizes are in bytes; -1 is unknown.
type Storage struct {
	File int64 `json:"file"`
	// Log is the write-ahead log, which a checkpoint empties.
	Log int64 `json:"log"`
	// Free is the space on the disk that this process may use, and Disk the disk's size.
	Free int64 `json:"free"`
	Disk int64 `json:"disk"`
}

// storageOf returns nil for a database that is not a file.
func storageOf(db *dbmodule.Database) *Storage {
	if db.Engine() != dbmodule.SQLite || db.URL().Memory() {
		return nil
	}
	path := db.URL().Path()
	free, disk := diskOf(path)
	return &Storage{File: sizeOf(path), Log: sizeOf(path + "-wal"), Free: free, Disk: disk}
}

// sizeOf returns 0 for a missing file: SQLite creates its log when it needs one.
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

// memoryInUse returns how many bytes Go's runtime has from the system.
func memoryInUse() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64()) - int64(samples[1].Value.Uint64()) //nolint:gosec // far below 2^63
}

// memoryLimit returns GOMEMLIMIT in bytes, or 0 if there is none.
func memoryLimit() int64 {
	const none = 1 << 62
	if limit := debug.SetMemoryLimit(-1); limit < none {
		return limit
	}
	return 0
}
