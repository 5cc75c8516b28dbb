package sqlconn

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// Live is the set of open connections of a Database: those in use and those idle in its
// pools. A nil Live counts none.
type Live struct {
	mu   sync.Mutex
	live map[*Conn]struct{}
	// closing is set once the Database is closed: no connection is added any more.
	closing bool
	// empty is closed when closing is set and the last connection has been closed.
	empty chan struct{}
}

// NewLive makes a Live without connections.
func NewLive() *Live {
	return &Live{live: make(map[*Conn]struct{}), empty: make(chan struct{})}
}

// add adds a connection. If the Database is closed, it returns an error, and the caller
// closes the connection.
func (o *Live) add(c *Conn) error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return errSevered
	}
	o.live[c] = struct{}{}
	return nil
}

// remove removes a closed connection. It may be called again.
func (o *Live) remove(c *Conn) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.live[c]; !ok {
		return
	}
	delete(o.live, c)
	if o.closing && len(o.live) == 0 {
		close(o.empty)
	}
}

// End waits until all connections are closed; those in use are closed when they are
// released. When limit has passed or ctx ends, it closes the others under their users'
// hands, and returns how many. It may be called again.
func (o *Live) End(ctx context.Context, limit time.Duration) (severed int) {
	o.mu.Lock()
	if !o.closing && len(o.live) == 0 {
		close(o.empty)
	}
	o.closing = true
	o.mu.Unlock()

	ctx, cancel := context.WithTimeoutCause(ctx, limit, errCloseTimeout)
	defer cancel()
	select {
	case <-o.empty:
		return 0
	case <-ctx.Done():
	}
	o.mu.Lock()
	left := slices.Collect(maps.Keys(o.live))
	o.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range left {
		wg.Go(c.sever)
	}
	wg.Wait()
	return len(left)
}

var errCloseTimeout = errors.New("dbmodule: close: DATABASE_CLOSE_TIMEOUT is over")

// sever closes the connection although somebody uses it. A statement that runs is ended.
func (c *Conn) sever() {
	c.timer.Sever()
	c.inner.sever()
	c.connector.Live.remove(c)
}
