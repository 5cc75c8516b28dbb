// Package smalldisk gives tests a file system that is soon full, or that takes no
// writes. It exists on Linux.
package smalldisk
