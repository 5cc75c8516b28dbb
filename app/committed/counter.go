// Package committed counts things that units of work did, when they are committed.
package committed

import (
	"context"
	"sync/atomic"

	"github.com/openhands-go/server/dbmodule"
)

// Counter counts since the process's start. The zero value is usable, and safe for concurrent use.
type Counter struct{ n atomic.Int64 }

// Add adds n when s's unit of work is committed, and nothing if it is rolled back.
func (c *Counter) Add(s *dbmodule.Session, n int64) {
	if n != 0 {
		s.AfterCommit(func(context.Context) { c.n.Add(n) })
	}
}

// Value returns the count.
func (c *Counter) Value() int64 { return c.n.Load() }
