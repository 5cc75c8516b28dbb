package dbmodule

import (
	"sync/atomic"
	"time"
)

// generation tells connections that were made before their server was found to
// be the primary no longer. One that meets that condemns all the others of its
// pool: each would meet it too, in the hands of another caller.
type generation struct {
	number atomic.Int64
	turned atomic.Int64 // when, in Unix nanoseconds
}

// turnPause keeps a server that just takes no writes from making every caller
// connect anew.
const turnPause = time.Second

// turn condemns all connections made so far, at most once a turnPause.
func (g *generation) turn() {
	now, last := time.Now().UnixNano(), g.turned.Load()
	if now-last >= int64(turnPause) && g.turned.CompareAndSwap(last, now) {
		g.number.Add(1)
	}
}
