//go:build !unix

package dbmodule

// nothingToRead can't know here.
func nothingToRead(uintptr) bool { return false }
