//go:build !linux && !darwin

package httpstatus

// diskOf knows nothing of disks here.
func diskOf(string) (free, size int64) { return -1, -1 }
