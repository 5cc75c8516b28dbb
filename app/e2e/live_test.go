package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// liveClients is how many websockets the scripts live.mjs and live.py keep open together.
const liveClients = 4

// TestLive has the npm client's websocket classes and a client in Python follow a conversation to
// which events are pushed, 100 a second, while their connections are cut three times and their
// server is restarted. All must get every event once and in order. On PostgreSQL and MariaDB
// there are two servers, and the clients' is pushed to least. E2E_LIVE_EVENTS is how many
// events there are, 250 if it is not set.
func TestLive(t *testing.T) {
	t.Parallel()
	const cuts = 4
	all := 250
	if text := os.Getenv("E2E_LIVE_EVENTS"); text != "" {
		var err error
		if all, err = strconv.Atoi(text); err != nil || all < 5 {
			t.Fatalf("E2E_LIVE_EVENTS=%s: wants a number from 5", text)
		}
	}
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			database := dbtest.URL(t, engine)
			near := server(t, database)
			front := startProxy(t, near)
			pushed := &pusher{id: uuid.NewString()}
			pushed.to.Store(near)
			var far *program
			if engine != dbmodule.SQLite {
				far = server(t, database)
				pushed.to.Store(far)
			}
			pushed.conversation(t)
			env := []string{"CONVERSATION=" + pushed.id, fmt.Sprint("EVENTS=", all), fmt.Sprint("CUTS=", cuts)}
			scripts := []*running{
				startNode(t, "live.mjs", "http://"+front.address, env...),
				startScript(t, "testdata", python(t), "live.py", append(env, "BASE_URL=http://"+front.address)...),
			}
			part := all / (cuts + 1)
			for i := range cuts {
				front.await(t, liveClients, scripts...)
				pushed.events(t, part)
				if i != 1 {
					front.cut()
					continue
				}
				var pushing sync.WaitGroup
				pushing.Go(func() { pushed.events(t, part/2) })
				near.stop(t)
				front.cut() // what it closed is counted no more
				near = server(t, database)
				front.to.Store(near)
				if far == nil {
					pushed.to.Store(near)
				}
				pushing.Wait()
			}
			front.await(t, liveClients, scripts...)
			pushed.events(t, all-pushed.count)
			for _, script := range scripts {
				script.await(t)
			}
			near.stop(t)
			if far != nil {
				far.stop(t)
			}
		})
	}
}

// pusher is an agent server that pushes events one by one, and pushes one again until it is
// taken.
type pusher struct {
	id    string
	to    atomic.Pointer[program]
	count int
}

func (p *pusher) conversation(t *testing.T) {
	t.Helper()
	if err := p.post(t.Context(), "/conversations", fmt.Sprintf(`{"id":%q}`, p.id)); err != nil {
		t.Fatal(err)
	}
}

// events pushes the next ones, up to 100 a second.
func (p *pusher) events(t *testing.T, count int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.Now().Add(scriptLimit)
	for range count {
		<-tick.C
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(p.count) * time.Millisecond)
		body := fmt.Sprintf(`[{"id":"event-%d","n":%d,"kind":"ActionEvent","source":"agent","timestamp":%q}]`, p.count, p.count, at.Format("2006-01-02T15:04:05.000000"))
		for {
			err := p.post(t.Context(), "/events/"+p.id, body)
			if err == nil {
				break
			}
			if t.Context().Err() != nil || time.Now().After(limit) {
				t.Errorf("push event %d: %v", p.count, err)
				return
			}
			<-tick.C
		}
		p.count++
	}
}

func (p *pusher) post(ctx context.Context, path, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.to.Load().base+"/api/v1/webhooks"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(answer.Status))
	}
	return errors.Join(err, answer.Body.Close())
}

// proxy passes connections on to a server, until it cuts them.
type proxy struct {
	address string
	to      atomic.Pointer[program]

	mu      sync.Mutex
	conns   map[net.Conn]bool // true for a websocket
	listens net.Listener
}

func startProxy(t *testing.T, to *program) *proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: listener.Addr().String(), conns: map[net.Conn]bool{}, listens: listener}
	p.to.Store(to)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		serving.Wait()
	})
	return p
}

func (p *proxy) serve(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("tcp", strings.TrimPrefix(p.to.Load().base, "http://"))
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns[conn] = false
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
	}()
	go func() {
		_, _ = io.Copy(server, conn)
		_ = server.Close()
	}()
	block := make([]byte, 32<<10)
	for first := true; ; first = false {
		n, err := server.Read(block)
		if first && strings.HasPrefix(string(block[:n]), "HTTP/1.1 101 ") {
			p.opened(conn)
		}
		if _, writeErr := conn.Write(block[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

// opened notes that a connection is a websocket now, if it was not cut before.
func (p *proxy) opened(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, there := p.conns[conn]; there {
		p.conns[conn] = true
	}
}

// cut ends all connections without a word.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	clear(p.conns)
}

// await waits until so many websockets are open.
func (p *proxy) await(t *testing.T, sockets int, scripts ...*running) {
	t.Helper()
	limit := time.After(startLimit)
	for {
		p.mu.Lock()
		open := 0
		for _, socket := range p.conns {
			if socket {
				open++
			}
		}
		p.mu.Unlock()
		if open >= sockets {
			return
		}
		select {
		case <-limit:
			for _, script := range scripts {
				_ = script.cmd.Process.Kill()
				_ = script.cmd.Wait()
				t.Logf("%s: %s", script.name, &script.output)
			}
			t.Fatalf("%d of %d websockets are open", open, sockets)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// python is a python3 that has websockets: a distribution's package is for its own Python, which
// need not be the first on PATH.
func python(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import websockets").Run() == nil {
			return python
		}
	}
	missing(t, "no python3 has websockets: install the package python3-websockets, or run make tools")
	return ""
}
