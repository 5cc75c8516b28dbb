package dbmodule

import (
	"fmt"
	"sync/atomic"
)

// gate keeps sessions out while the schema is not what the program expects.
type gate struct{ reason atomic.Pointer[string] }

func (g *gate) close(reason string) { g.reason.Store(&reason) }
func (g *gate) open()               { g.reason.Store(nil) }

// pass returns nil, or ErrUnavailable with the reason.
func (g *gate) pass() error {
	if reason := g.reason.Load(); reason != nil {
		return fmt.Errorf("dbmodule: connect: %w: %s", ErrUnavailable, *reason)
	}
	return nil
}
