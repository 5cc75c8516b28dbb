// Package committed counts what units of work did, once they are committed.
package committed

import (
	"context"
	"sync/atomic"

	"github.com/openhands-go/server/dbmodule"
)

// Counter counts from the process's start. It is safe for concurrent use. Its zero value is
// ready.
type Counter struct{ n atomic.Int64 }

// Add counts n when s's unit of work is committed, and nothing if it is rolled back.
func (c *Counter) Add(s *dbmodule.Session, n int64) {
	if n != 0 {
		s.AfterCommit(func(context.Context) { c.n.Add(n) })
	}
}

// Value is what was counted.
func (c *Counter) Value() int64 { return c.n.Load() }
