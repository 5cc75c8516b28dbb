package cluster

import (
	"sync/atomic"
	"time"
)

// Generation counts how often the server stopped being the primary. Each connection remembers
// the generation in which it was made. A connection of an earlier generation is not used
// again: the server would refuse its writes. The zero value is the first generation. It is
// safe for concurrent use.
type Generation struct {
	number atomic.Int64
	turned atomic.Int64 // when, in Unix nanoseconds
}

// turnPause limits how often all connections are made again while the server refuses writes.
const turnPause = time.Second

// Current returns the present generation.
func (g *Generation) Current() int64 { return g.number.Load() }

// Turn begins the next generation, unless the present one began less than a second ago.
func (g *Generation) Turn() {
	now, last := time.Now().UnixNano(), g.turned.Load()
	if now-last >= int64(turnPause) && g.turned.CompareAndSwap(last, now) {
		g.number.Add(1)
	}
}
