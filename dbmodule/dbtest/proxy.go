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

// Proxy stands between clients and a server and breaks what passes: a network
// that cuts, stalls, loses the reply of COMMIT, or leads to another server.
// It understands PostgreSQL's and MySQL's protocols as far as that takes, and
// neither TLS nor compression. It is safe for concurrent use and ends with its
// test.
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

// StartProxy listens on loopback for t and forwards to the server of a URL
// such as [URL] and [Server.URL] return.
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

// URL is the server's URL with the proxy's address, password included.
func (p *Proxy) URL() string { return p.url.String() }

// Config returns dbmodule's defaults with the proxy's URL.
func (p *Proxy) Config(t testing.TB) dbmodule.Config {
	t.Helper()
	return configFor(t, p.URL())
}

// Cut resets every connection at once in both directions, as a machine that
// went away does. New ones are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// Stall holds back every byte in both directions, of new connections too,
// until Resume. Nothing is lost.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flowing:
		p.flowing = make(chan struct{})
	default:
	}
}

// Resume ends Stall.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flowing:
	default:
		close(p.flowing)
	}
}

// SwallowCommits loses the replies of the next n COMMITs: the server gets each
// and answers, then the client's connection is reset.
func (p *Proxy) SwallowCommits(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow = n
}

// Swallowed counts the replies that were lost so far.
func (p *Proxy) Swallowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swallowed
}

// Trips counts how often a client asked and then waited for the server so far, on
// all connections together: whatever is sent before the next answer comes is one
// trip, logging in takes some.
func (p *Proxy) Trips() int64 { return p.trips.Load() }

// Retarget leads new connections to the server of another URL. Those that are
// there stay where they are.
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
		_ = client.Close() // which is what the client is told
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

// takeSwallow spends one of the replies to lose, if any is left.
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

// gate returns what is closed while bytes may pass.
func (p *Proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flowing
}
