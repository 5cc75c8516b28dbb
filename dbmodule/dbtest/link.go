package dbtest

import (
	"net"
	"sync"
	"sync/atomic"
)

// link is one connection through a [Proxy].
type link struct {
	proxy          *Proxy
	client, server net.Conn
	once           sync.Once
	gone           chan struct{}
	// lose is set when a COMMIT passes whose reply must be lost. By then every earlier
	// reply has passed.
	lose atomic.Bool
	// asking is set while the client was the last side that wrote.
	asking atomic.Bool
}

// forward copies bytes in both directions until the link has ended.
func (l *link) forward() {
	var wg sync.WaitGroup
	wg.Go(func() { l.pass(l.client, l.server, l.spot()) })
	wg.Go(func() { l.pass(l.server, l.client, l.drop) })
	wg.Wait()
}

// pass copies bytes until one side ends. It calls look with the bytes before it
// forwards them; look returns whether to go on.
func (l *link) pass(from, to net.Conn, look func([]byte) bool) {
	defer l.end()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			select {
			case <-l.proxy.gate():
			case <-l.gone:
				return
			}
			if !look(buffer[:n]) {
				l.cut()
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// spot looks for a COMMIT in the bytes that the client sends.
func (l *link) spot() func([]byte) bool {
	commits := newCommitSpotter(l.proxy.engine)
	return func(b []byte) bool {
		if !l.asking.Swap(true) {
			l.proxy.trips.Add(1)
		}
		if commits.spot(b) && l.proxy.takeSwallow() {
			l.lose.Store(true)
		}
		return true
	}
}

// drop cuts the link, instead of forwarding the reply, if the reply of a COMMIT must be lost.
func (l *link) drop([]byte) bool {
	l.asking.Store(false)
	if !l.lose.Load() {
		return true
	}
	l.proxy.hasSwallowed()
	return false
}

func (l *link) end() {
	l.once.Do(func() {
		close(l.gone)
		_ = l.client.Close()
		_ = l.server.Close()
	})
}

// cut resets both connections of the link.
func (l *link) cut() {
	for _, conn := range [...]net.Conn{l.client, l.server} {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	l.end()
}
