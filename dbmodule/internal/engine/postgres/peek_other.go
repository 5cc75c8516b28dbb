//go:build !unix

package postgres

// nothingToRead can't know here.
func nothingToRead(uintptr) bool { return false }
