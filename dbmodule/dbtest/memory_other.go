//go:build !linux

package dbtest

// memoryFolder returns "", the default folder: only Linux has one in memory
// that every user can write to.
func memoryFolder(func(string) string) string { return "" }
