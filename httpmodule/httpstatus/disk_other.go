//go:build !linux && !darwin

package httpstatus

// diskOf returns -1, unknown, on this system.
func diskOf(string) (free, size int64) { return -1, -1 }
