package observe

import "context"

type unobservedKey struct{}

// Unobserved returns a context that hides its units of work and statements from
// every [Observer]. Use it for statements that only check the database, such as
// a probe's, which should not count as its use.
func Unobserved(ctx context.Context) context.Context {
	return context.WithValue(ctx, unobservedKey{}, true)
}

// IsUnobserved reports whether ctx comes from [Unobserved] or is derived from
// such a context.
func IsUnobserved(ctx context.Context) bool { return ctx.Value(unobservedKey{}) != nil }
