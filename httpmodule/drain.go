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
	// newConnTimeout is how long a new connection may take to send its first request.
	newConnTimeout = 50 * time.Millisecond
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
			return err // handlers have hijacked the connections of the remaining requests
		case <-tick.C:
		}
	}
	r.newConns.limitReads()
	err := r.server.Shutdown(ctx) // a new call checks often again
	cancel()
	for range first { // wait until the first call has ended
	}
	return err
}

// newConnections are the connections that have not sent a request yet.
type newConnections struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// track is the http.Server's ConnState.
func (f *newConnections) track(conn net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state == http.StateNew {
		f.conns[conn] = struct{}{}
	} else {
		delete(f.conns, conn)
	}
}

// limitReads gives the connections newConnTimeout to send a request.
func (f *newConnections) limitReads() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		_ = conn.SetReadDeadline(time.Now().Add(newConnTimeout)) // a closed connection returns an error
	}
}
