package dburl

// CutUserinfo is open to the external tests.
func CutUserinfo(s string) (string, string, bool, string) { return cutUserinfo(s) }

// WithoutCache makes options equal whose statement caches differ.
func WithoutCache(o SQLiteOptions) SQLiteOptions {
	o.statementCache = 0
	return o
}
