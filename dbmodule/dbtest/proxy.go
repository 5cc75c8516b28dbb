package dbtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openhands-go/server/dbmodule"
)

// Proxy forwards connections from clients to a server, and simulates a faulty
// network: it can reset connections, stall them, lose the reply of a COMMIT, or
// forward to another server. It understands as much of PostgreSQL's and MySQL's
// protocols as it needs for that, but neither TLS nor compression. It is safe for
// concurrent use and stops when its test ends.
type Proxy struct {
	listener net.Listener
	url      url.URL
	engine   dbmodule.Engine
	wg       sync.WaitGroup
	trips    atomic.Int64

	mu        sync.Mutex
	target    string
	links     map[*link]struct{}
	flowing   chan struct{} // closed while bytes may pass
	swallow   int
	swallowed int
}

// StartProxy starts a proxy on the loopback interface for t. It forwards to the
// server of rawURL, which is a URL such as [URL] and [Server.URL] return.
func StartProxy(t testing.TB, rawURL string) *Proxy {
	t.Helper()
	p, err := newProxy(t.Context(), rawURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func newProxy(ctx context.Context, rawURL string) (*Proxy, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("dbtest: start proxy: the URL can't be read")
	}
	parsed, err := dbmodule.ParseURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("dbtest: start proxy: %w", err)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("dbtest: start proxy: %w", err)
	}
	p := &Proxy{
		listener: listener, url: *u, engine: parsed.Engine(),
		target: u.Host, links: make(map[*link]struct{}), flowing: make(chan struct{}),
	}
	close(p.flowing)
	p.url.Host = listener.Addr().String()
	p.wg.Go(func() { p.serve(context.WithoutCancel(ctx)) })
	return p, nil
}

// URL returns the server's URL with the proxy's address, password included.
func (p *Proxy) URL() string { return p.url.String() }

// Config returns dbmodule's defaults with the proxy's URL.
func (p *Proxy) Config(t testing.TB) dbmodule.Config {
	t.Helper()
	return configFor(t, p.URL())
}

// Cut resets every open connection in both directions at once, as when a machine
// disappears. The proxy still accepts new connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// Stall holds back every byte in both directions until [Proxy.Resume], also of
// new connections. No byte is lost.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flowing:
		p.flowing = make(chan struct{})
	default:
	}
}

// Resume ends [Proxy.Stall].
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flowing:
	default:
		close(p.flowing)
	}
}

// SwallowCommits makes the proxy lose the replies of the next n COMMITs. The
// server receives each COMMIT and answers; then the proxy resets the client's
// connection instead of forwarding the answer.
func (p *Proxy) SwallowCommits(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow = n
}

// Swallowed returns how many replies the proxy has lost so far.
func (p *Proxy) Swallowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swallowed
}

// Trips returns how many round trips clients have made so far, on all connections
// together. Everything that a client sends before the next answer is one round
// trip. A login takes some too.
func (p *Proxy) Trips() int64 { return p.trips.Load() }

// Retarget forwards new connections to the server of another URL. Open
// connections keep their server.
func (p *Proxy) Retarget(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return errors.New("dbtest: retarget proxy: the URL can't be read")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u.Host
	return nil
}

func (p *Proxy) close() error {
	err := p.listener.Close()
	p.Cut()
	p.Resume()
	p.wg.Wait()
	if err != nil {
		return fmt.Errorf("dbtest: end proxy: %w", err)
	}
	return nil
}

func (p *Proxy) serve(ctx context.Context) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.wg.Go(func() { p.connect(ctx, client) })
	}
}

func (p *Proxy) connect(ctx context.Context, client net.Conn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		_ = client.Close() // so the client learns of the error
		return
	}
	l := &link{proxy: p, client: client, server: server, gone: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = struct{}{}
	p.mu.Unlock()
	l.forward()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// takeSwallow reports whether a reply must still be lost, and subtracts it from the
// number of replies to lose.
func (p *Proxy) takeSwallow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.swallow == 0 {
		return false
	}
	p.swallow--
	return true
}

func (p *Proxy) hasSwallowed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallowed++
}

// gate returns a channel that is closed while bytes may pass.
func (p *Proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flowing
}
