//go:build faults && linux

package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// resident returns the memory of a process in MiB, now and at its highest.
func resident(t *testing.T, p *process) (now, peak int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &now)
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &peak)
	}
	if now == 0 || peak == 0 {
		t.Fatalf("no memory in %s", text)
	}
	return now >> 10, peak >> 10
}

// served makes requests of the well-behaved until done, and counts them and
// those that failed.
func served(url string, done <-chan struct{}) (count, failed int, slowest time.Duration) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: limit}
	defer client.CloseIdleConnections()
	for {
		select {
		case <-done:
			return count, failed, slowest
		default:
		}
		began := time.Now()
		response, err := client.Get(url + "/api/conversations/search?limit=5")
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		count++
		if err != nil || response.StatusCode != http.StatusOK {
			failed++
		}
		slowest = max(slowest, time.Since(began))
		time.Sleep(5 * time.Millisecond)
	}
}

// trickle sends a text byte by byte until the other end has had enough.
func trickle(conn net.Conn, text string) {
	for i := range len(text) {
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// hostile are clients that a server which waits for them, or keeps what they
// send, does not survive.
var hostile = map[string]func(conn net.Conn){
	"slow header": func(conn net.Conn) {
		trickle(conn, "GET /alive HTTP/1.1\r\nHost: localhost\r\nX-A: "+strings.Repeat("a", 10_000))
	},
	"slow body": func(conn net.Conn) {
		_, _ = io.WriteString(conn, "POST /api/v1/webhooks/conversations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n")
		trickle(conn, strings.Repeat(" ", 10_000))
	},
	// Some of these are answered 503, as there is no memory for all of their pages: a short answer, after
	// which the connection would be idle.
	"slow reader": func(conn net.Conn) {
		_, _ = io.WriteString(conn, "GET /api/conversations/"+largeConversation+"/events/search?limit=100 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		time.Sleep(hostilePatience) // until the server has given up
	},
	"large header": func(conn net.Conn) {
		_, _ = io.WriteString(conn, "GET /alive HTTP/1.1\r\nHost: localhost\r\nX-A: ")
		block := bytes.Repeat([]byte("a"), 64<<10)
		for range 16 << 10 { // a gigabyte, if it is taken
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	},
	"large body": func(conn net.Conn) {
		_, _ = io.WriteString(conn, "POST /api/v1/webhooks/conversations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
		block := append([]byte("10000\r\n"), bytes.Repeat([]byte(" "), 64<<10)...)
		block = append(block, "\r\n"...)
		for range 16 << 10 {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	},
	"malformed chunk": func(conn net.Conn) {
		_, _ = io.WriteString(conn, "POST /api/v1/webhooks/conversations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz;"+strings.Repeat("x", 1<<20))
	},
}

const (
	largeConversation = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	hostilePatience   = 20 * time.Second
)

// storeLargeEvents gives the conversation a page of about 8 MiB, more than a
// socket's buffers take.
func storeLargeEvents(t *testing.T, url string) {
	t.Helper()
	for i := range 8 {
		body := fmt.Sprintf(`[{"id":"large-%d","kind":"MessageEvent","timestamp":"2026-01-01T00:00:00","source":"user","text":%q}]`, i, strings.Repeat("x", 1<<20))
		response, err := http.Post(url+"/api/v1/webhooks/events/"+largeConversation, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode >= 300 {
			t.Fatalf("store an event: %d", response.StatusCode)
		}
	}
}

// 300 hostile clients cost the server their connections for a while, and the
// others nothing. The server stays below its memory limit, as in a container: events that do not fit
// are not read.
func TestFaultHostileClients(t *testing.T) {
	const each, limitMiB = 50, 512
	p := start(t, nil, fmt.Sprint("MEMORY_LIMIT=", limitMiB<<20), "PORT=0", "LOG_LEVEL=info", "READ_HEADER_TIMEOUT=3s", "READ_TIMEOUT=5s", "WRITE_TIMEOUT=8s", "BODY_LIMIT=2097152")
	url := quietly(t, p)
	storeLargeEvents(t, url)
	before, _ := resident(t, p)

	done := make(chan struct{})
	var others sync.WaitGroup
	var count, failed int
	var slowest time.Duration
	others.Go(func() { count, failed, slowest = served(url, done) })

	// Small buffers: what a client does not read should stay with the server.
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	var kept atomic.Int64
	var clients sync.WaitGroup
	for kind, act := range hostile {
		for range each {
			clients.Go(func() {
				conn, err := small.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					return
				}
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(limit))
				act(conn)
				// What the server sent before it closed, and its end.
				if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
					kept.Add(1)
					t.Errorf("%s: the server keeps the connection", kind)
				}
			})
		}
	}
	clients.Wait()
	close(done)
	others.Wait()
	after, peak := resident(t, p)
	t.Logf("figure 13, %d hostile clients (%d each of slow header, slow body, slow reader, large header, large body, malformed chunk): %d connections kept; %d requests of others, %d failed, the slowest took %d ms; resident memory %d MiB before, %d MiB at most, %d MiB after",
		each*len(hostile), each, kept.Load(), count, failed, slowest.Milliseconds(), before, peak, after)
	if failed > 0 || count == 0 {
		t.Errorf("%d of %d requests of others failed", failed, count)
	}
	if peak > limitMiB {
		t.Errorf("%d MiB, with a memory limit of %d MiB", peak, limitMiB)
	}
}

// 10,000 connections that ask for nothing more are kept for IDLE_TIMEOUT,
// while others are served, and then closed.
func TestFaultIdleConnections(t *testing.T) {
	connections := openable(t, 10_000)
	p := start(t, nil, "PORT=0", "LOG_LEVEL=info", "IDLE_TIMEOUT=20s")
	url := quietly(t, p)
	before, _ := resident(t, p)

	conns := make([]net.Conn, connections)
	var dialled sync.WaitGroup
	var next atomic.Int64
	for range 16 {
		dialled.Go(func() {
			for i := next.Add(1) - 1; i < int64(connections); i = next.Add(1) - 1 {
				conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				conns[i] = conn
				_ = conn.SetDeadline(time.Now().Add(2 * limit))
				if _, err := io.WriteString(conn, "GET /alive HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
					t.Errorf("connection %d: %v", i, err)
				}
			}
		})
	}
	dialled.Wait()
	idle, _ := resident(t, p)
	done := make(chan struct{})
	time.AfterFunc(5*time.Second, func() { close(done) })
	count, failed, slowest := served(url, done)

	kept := 0
	for _, conn := range conns {
		if conn == nil {
			continue
		}
		if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
			kept++
		}
		_ = conn.Close()
	}
	_, peak := resident(t, p)
	t.Logf("figure 13, %d idle connections: resident memory %d MiB before, %d MiB with them, %d MiB at most; %d requests of others meanwhile, %d failed, the slowest took %d ms; %d connections kept beyond IDLE_TIMEOUT",
		connections, before, idle, peak, count, failed, slowest.Milliseconds(), kept)
	if failed > 0 || count == 0 {
		t.Errorf("%d of %d requests of others failed", failed, count)
	}
	if kept > 0 {
		t.Errorf("%d connections kept", kept)
	}
	if perConnection := 64; peak > before+connections*perConnection>>10 {
		t.Errorf("%d MiB: more than %d KiB a connection", peak, perConnection)
	}
}

// quietly returns where the process serves, and reads on what it logs.
func quietly(t *testing.T, p *process) string {
	t.Helper()
	url := p.serving(t).URL
	go func() {
		for range p.lines {
		}
	}()
	return url
}

// openable is how many of the wanted connections this process may have open.
func openable(t *testing.T, wanted int) int {
	t.Helper()
	const own = 500
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if files.Max < uint64(wanted+own) {
		raised := syscall.Rlimit{Cur: uint64(wanted + own), Max: uint64(wanted + own)}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
			t.Logf("only %d files may be open here: %v", files.Max, err)
			return int(files.Max) - own
		}
	}
	return wanted
}
