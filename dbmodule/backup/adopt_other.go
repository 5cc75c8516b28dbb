//go:build !unix

package backup

// adopt does nothing: only Unix files have an owner that it can set.
func (r *Replacement) adopt() error { return nil }
