package observe

import "context"

type unobservedKey struct{}

// Unobserved returns a context of whose units of work and statements no
// [Observer] is told: those by which one looks at the database itself, such as
// a probe's, should not count as its use.
func Unobserved(ctx context.Context) context.Context {
	return context.WithValue(ctx, unobservedKey{}, true)
}

// IsUnobserved reports whether [Unobserved] made the context, or one that it is
// derived from.
func IsUnobserved(ctx context.Context) bool { return ctx.Value(unobservedKey{}) != nil }
