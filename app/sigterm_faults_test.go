//go:build faults && unix

package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// upload is a request in flight: the server waits for the rest of its body.
type upload struct {
	conn   net.Conn
	reader *bufio.Reader
	body   string
}

func beginUpload(t *testing.T, address string) *upload {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	u := &upload{
		conn: conn, reader: bufio.NewReader(conn),
		body: `{"agent": {"kind": "Agent"}, "workspace": {"working_dir": "/project"}}`,
	}
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST /api/conversations HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", address, len(u.body)); err != nil {
		t.Fatal(err)
	}
	// Only a handler that reads the body makes net/http ask for it.
	for line := ""; line != "\r\n"; {
		if line, err = u.reader.ReadString('\n'); err != nil {
			t.Fatalf("the server does not wait for the body: %v", err)
		}
	}
	return u
}

// finish sends the body and returns the answer's status.
func (u *upload) finish() (int, error) {
	if _, err := io.WriteString(u.conn, u.body); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(u.reader, nil)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// The usual wiring of server, database and signals loses some of the requests
// that it had accepted.
func TestFaultSIGTERM(t *testing.T) {
	const stops, requests = 20, 20
	failed, codes := 0, 0
	var latest time.Duration
	for range stops {
		p := start(t, nil, "PORT=0", "LOG_LEVEL=info")
		address := strings.TrimPrefix(p.serving(t).URL, "http://")
		uploads := make([]*upload, requests)
		for i := range uploads {
			uploads[i] = beginUpload(t, address)
		}
		p.signal(t, syscall.SIGTERM)
		p.await(t, "stopping")
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i, u := range uploads {
			wg.Go(func() {
				<-time.After(time.Duration(i) * 50 * time.Millisecond) // the slowest takes a second
				status, err := u.finish()
				mu.Lock()
				defer mu.Unlock()
				if err != nil || status != http.StatusCreated {
					failed++
					t.Logf("status %d, %v", status, err)
				}
			})
		}
		wg.Wait()
		answered := time.Now()
		if code := p.wait(t); code != 0 {
			codes++
			t.Errorf("exit code %d:\n%s", code, p.output())
		}
		latest = max(latest, time.Since(answered))
	}
	t.Logf("figure 8, %d SIGTERM with %d requests in flight each: %d failed; exit at the latest %d ms after the slowest request, %d times with a code other than 0",
		stops, requests, failed, latest.Milliseconds(), codes)
	if failed > 0 {
		t.Errorf("%d accepted requests failed", failed)
	}
	if latest > 2*time.Second {
		t.Errorf("exit after %s; wanted: 100 ms; the rest is a busy machine's", latest)
	}
}
