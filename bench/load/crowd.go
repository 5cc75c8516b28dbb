package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// Crowd is connections on which nothing happens.
type Crowd struct{ conns []net.Conn }

// gathering is how many connections are made at the same time.
const gathering = 16

// Gather makes n connections to a contender, each of which gets one answer and then stays
// idle. The caller closes what it returns, with an error too.
func Gather(ctx context.Context, addr string, n int) (*Crowd, error) {
	c := &Crowd{}
	var (
		mu    sync.Mutex
		wait  sync.WaitGroup
		errs  []error
		slots = make(chan struct{}, n)
	)
	for range n {
		slots <- struct{}{}
	}
	close(slots)
	for range gathering {
		wait.Go(func() {
			for range slots {
				conn, err := greet(ctx, addr)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
					mu.Unlock()
					return
				}
				c.conns = append(c.conns, conn)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return c, errors.Join(errs...)
}

// greet makes a connection that has had one answer.
func greet(ctx context.Context, addr string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("load: connect: %w", err)
	}
	if _, err := fmt.Fprintf(conn, "GET /events/1 HTTP/1.1\r\nHost: %s\r\n\r\n", addr); err != nil {
		return nil, errors.Join(fmt.Errorf("load: ask: %w", err), conn.Close())
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		err = errors.Join(err, response.Body.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load: read an answer: %w", err), conn.Close())
	}
	return conn, nil
}

// Close closes the connections.
func (c *Crowd) Close() error {
	var errs []error
	for _, conn := range c.conns {
		errs = append(errs, conn.Close())
	}
	c.conns = nil
	return errors.Join(errs...)
}
