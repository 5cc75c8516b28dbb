package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// A driver that calls a broken connection safe to repeat on makes database/sql
// send statements again that the server has run: pgx 5.9 to 5.12 does, for
// statements without arguments, which is all that Bun sends. Nobody sees an
// error, and the rows are there twice.
func TestNoStatementRunsTwiceWhenConnectionsAreCut(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			proxy, cfg := proxied(t, engine)
			db := dbtest.Open(t, cfg)
			ctx := t.Context()
			_, err := db.DB().ExecContext(ctx, "CREATE TABLE notes (k VARCHAR(40))")
			require.NoError(t, err)

			const writers, cuts, most = 8, 20, 20_000
			var wg sync.WaitGroup
			var mu sync.Mutex
			acknowledged, failed := 0, 0
			done := make(chan struct{})
			for writer := range writers {
				wg.Go(func() {
					for i := range most {
						select {
						case <-done:
							return
						default:
						}
						_, err := db.DB().ExecContext(ctx, "INSERT INTO notes (k) VALUES (?)", fmt.Sprint(writer, "-", i))
						mu.Lock()
						if err == nil {
							acknowledged++
						} else {
							failed++
						}
						mu.Unlock()
					}
				})
			}
			for range cuts {
				pause := time.NewTimer(50 * time.Millisecond)
				<-pause.C
				proxy.cut()
			}
			close(done)
			wg.Wait()

			stored, distinct := 0, 0
			require.Eventually(t, func() bool { // the last cut has left stale connections
				return db.DB().QueryRowContext(ctx, "SELECT count(*), count(DISTINCT k) FROM notes").Scan(&stored, &distinct) == nil
			}, 10*time.Second, 10*time.Millisecond)
			t.Logf("%d acknowledged, %d failed, %d stored, %d doubled", acknowledged, failed, stored, stored-distinct)
			require.Positive(t, failed, "no cut met a statement")
			assert.Equal(t, distinct, stored, "rows are stored twice")
			assert.GreaterOrEqual(t, stored, acknowledged, "acknowledged rows are lost")
		})
	}
}

// cutProxy forwards connections to a server until they are cut.
type cutProxy struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// proxied returns the configuration of a new database behind a proxy on
// loopback, which ends with the test.
func proxied(t *testing.T, engine dbmodule.Engine) (*cutProxy, dbmodule.Config) {
	t.Helper()
	u, err := url.Parse(dbtest.URL(t, engine))
	require.NoError(t, err)
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	proxy := &cutProxy{conns: make(map[net.Conn]struct{})}
	var wg sync.WaitGroup
	target := u.Host
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed by the cleanup
			}
			wg.Go(func() { proxy.forward(t.Context(), client, target) })
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		proxy.cut()
		wg.Wait()
	})

	u.Host = listener.Addr().String()
	cfg := dbmodule.DefaultConfig()
	cfg.URL, err = dbmodule.ParseURL(u.String())
	require.NoError(t, err)
	return proxy, cfg
}

func (p *cutProxy) forward(ctx context.Context, client net.Conn, target string) {
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		_ = client.Close() // which is what the client is told
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		wg.Go(func() {
			_, _ = io.Copy(pair[0], pair[1]) // ends by a cut, or by one side
			_ = errors.Join(client.Close(), server.Close())
		})
	}
	wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

// cut breaks every connection in both directions at once.
func (p *cutProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a machine that went away
		}
		_ = conn.Close()
	}
}
