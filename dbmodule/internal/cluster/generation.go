package cluster

import (
	"sync/atomic"
	"time"
)

// Generation counts how often a server was found to be the primary no longer. Each
// connection remembers the generation in which it was made: one of an earlier
// generation is dropped instead of being used again, since each would meet the same
// refusal in the hands of another caller. The zero value is the first generation. It
// is safe for concurrent use.
type Generation struct {
	number atomic.Int64
	turned atomic.Int64 // when, in Unix nanoseconds
}

// turnPause limits how often a server that takes no writes for a while makes all
// callers connect again.
const turnPause = time.Second

// Current returns the generation of a connection that is made now.
func (g *Generation) Current() int64 { return g.number.Load() }

// Turn begins another generation, unless one began less than a second ago.
func (g *Generation) Turn() {
	now, last := time.Now().UnixNano(), g.turned.Load()
	if now-last >= int64(turnPause) && g.turned.CompareAndSwap(last, now) {
		g.number.Add(1)
	}
}
