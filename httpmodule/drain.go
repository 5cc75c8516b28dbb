package httpmodule

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	drainTick = 2 * time.Millisecond
	// freshTimeout is what a connection without a request gets to send one.
	freshTimeout = 50 * time.Millisecond
)

// drain stops accepting connections, and returns when every request has been answered.
//
// http.Server.Shutdown alone would be slow: it checks less and less often, in the end twice a
// second, and gives connections that never sent anything five seconds.
func (s *Server) drain(ctx context.Context, r *running) error {
	firstCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan error, 1)
	go func() {
		first <- r.server.Shutdown(firstCtx)
		close(first)
	}()
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for s.inFlight.Load() > 0 {
		select {
		case err := <-first:
			return err // the requests that are left have taken over their connections
		case <-tick.C:
		}
	}
	r.fresh.hurry()
	err := r.server.Shutdown(ctx) // a new call checks often again
	cancel()
	for range first { // wait until the first call has ended
	}
	return err
}

// fresh holds the connections that have not sent a request yet.
type fresh struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func newFresh() *fresh { return &fresh{conns: make(map[net.Conn]struct{})} }

// follow is an http.Server's ConnState.
func (f *fresh) follow(conn net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state == http.StateNew {
		f.conns[conn] = struct{}{}
	} else {
		delete(f.conns, conn)
	}
}

// hurry gives the connections a short time to send a request that is on its way.
func (f *fresh) hurry() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		_ = conn.SetReadDeadline(time.Now().Add(freshTimeout)) // a closed connection returns an error
	}
}
