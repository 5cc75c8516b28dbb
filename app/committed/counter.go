// Package committed counts what units of work did, once they are committed.
package committed

import (
	"context"
	"sync/atomic"

	"github.com/uptrace/bun"
)

// Counter counts from the process's start. It is safe for concurrent use. Its zero value is
// ready.
type Counter struct{ n atomic.Int64 }

// Add counts n when db's unit of work is committed, and nothing if it is rolled back. What is
// done through something else than a *dbmodule.Session is counted at once.
func (c *Counter) Add(db bun.IDB, n int64) {
	if n == 0 {
		return
	}
	session, ok := db.(interface {
		AfterCommit(fn func(context.Context))
	})
	if !ok {
		c.n.Add(n)
		return
	}
	session.AfterCommit(func(context.Context) { c.n.Add(n) })
}

// Value is what was counted.
func (c *Counter) Value() int64 { return c.n.Load() }
