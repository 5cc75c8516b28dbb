//go:build !linux

package doctor

import "context"

func sqliteFileSystem(context.Context, *patient) Finding {
	return skipped("can't be told on this system")
}

func sqliteDisk(context.Context, *patient) Finding { return skipped("can't be told on this system") }
