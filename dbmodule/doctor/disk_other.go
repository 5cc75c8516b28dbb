//go:build !linux

package doctor

import "context"

func sqliteFileSystem(context.Context, *target) Finding {
	return skipped("can't be told on this system")
}

func sqliteDisk(context.Context, *target) Finding { return skipped("can't be told on this system") }
