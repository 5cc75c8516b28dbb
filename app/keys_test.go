package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// The whole server takes keys of both variables and of the file, whose keys change while it
// runs; the log has their names and no key.
//
// Not parallel: it sets environment variables.
func TestKeysOfTheServer(t *testing.T) {
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "keys")
			require.NoError(t, os.WriteFile(file, []byte("reader:read:s3cret-R\n"), 0o600))
			s := serve(t, map[string]string{
				"DATABASE_URL": dbtest.URL(t, engine), "LOG_FORMAT": "json",
				"SESSION_API_KEY": "s3cret-D", "API_KEYS": "agent:webhooks:s3cret-W", "API_KEYS_FILE": file,
			})
			status := func(method, path, key string) int {
				t.Helper()
				code, _ := s.ask(t, method, path, `{"id":"0d3ee5a55f044e7a9c3b2f9e4f1d7a10"}`, "X-Session-API-Key", key)
				return code
			}
			const push = "/api/v1/webhooks/conversations"
			assert.Equal(t, 200, status(http.MethodPost, push, "s3cret-W"))
			assert.Equal(t, 403, status(http.MethodGet, "/api/conversations/count", "s3cret-W"))
			assert.Equal(t, 403, status(http.MethodPost, push, "s3cret-R"))
			assert.Equal(t, 200, status(http.MethodGet, "/metrics", "s3cret-R"))
			assert.Equal(t, 200, status(http.MethodPost, push, "s3cret-D"))
			assert.Equal(t, 401, status(http.MethodGet, "/api/conversations/count", ""))
			assert.Equal(t, 200, status(http.MethodGet, "/api/shared-conversations/count", ""))

			require.NoError(t, os.WriteFile(file, []byte("reader-2:read:s3cret-N\n"), 0o600))
			require.Eventually(t, func() bool { return status(http.MethodGet, "/api/conversations/count", "s3cret-R") == 401 }, time.Minute, 50*time.Millisecond)
			assert.Equal(t, 200, status(http.MethodGet, "/api/conversations/count", "s3cret-N"))
			require.NoError(t, os.WriteFile(file, []byte("reader-2:s3cret-N\n"), 0o600))
			require.Eventually(t, func() bool {
				status(http.MethodGet, "/api/conversations/count", "s3cret-N")
				return len(s.log.entries(t, "the file of keys can't be used: the previous keys stay valid")) == 1
			}, time.Minute, 50*time.Millisecond)
			assert.Equal(t, 200, status(http.MethodGet, "/api/conversations/count", "s3cret-N"))

			names := map[any]bool{}
			for _, entry := range s.log.entries(t, "request") {
				names[entry["key"]] = true
			}
			assert.Equal(t, map[any]bool{nil: true, "agent": true, "reader": true, "reader-2": true, "default": true}, names)
			require.Zero(t, s.stop())
			assert.False(t, strings.Contains(s.log.b.String(), "s3cret"), "a key is in the log")
		})
	}
}

// A stream ends soon after its client's key was removed from the file. The streams of other keys go on.
//
// Not parallel: it sets environment variables.
func TestRemovedKeyEndsItsStreams(t *testing.T) {
	const conversation = "0d3ee5a55f044e7a9c3b2f9e4f1d7a10"
	file := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(file, []byte("gone:read:s3cret-G\nstays:read:s3cret-S\n"), 0o600))
	s := serve(t, map[string]string{"SESSION_API_KEY": "s3cret-D", "API_KEYS_FILE": file})
	status, answer := s.ask(t, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+conversation+`"}`, "X-Session-API-Key", "s3cret-D")
	require.Equal(t, 200, status, answer)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	// open opens all kinds of streams with a key. Each sends to ended how it has ended.
	open := func(key string) (ended chan any) {
		ended = make(chan any, 5)
		for _, path := range []string{"/api/conversations/stream", "/api/conversations/" + conversation + "/events/stream"} {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
			require.NoError(t, err)
			r.Header.Set("X-Session-API-Key", key)
			response, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			require.Equal(t, 200, response.StatusCode, path)
			go func() {
				defer func() { _ = response.Body.Close() }()
				_, err := io.Copy(io.Discard, response.Body)
				ended <- err
			}()
		}
		for _, socket := range []struct {
			path   string
			header http.Header // nil: the key is in the first frame
		}{
			{"/sockets/events/", http.Header{"X-Session-Api-Key": {key}}},
			{"/sockets/session/", http.Header{"X-Session-Api-Key": {key}}},
			{"/sockets/events/", nil},
		} {
			ws, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.url, "http")+socket.path+conversation, &websocket.DialOptions{HTTPHeader: socket.header}) //nolint:bodyclose // the library says that it need not be closed
			require.NoError(t, err)
			if socket.header == nil {
				require.NoError(t, ws.Write(ctx, websocket.MessageText, []byte(`{"type":"auth","session_api_key":"`+key+`"}`)))
			}
			_, _, err = ws.Read(ctx)
			require.NoError(t, err, "it is open")
			go func() {
				defer func() { _ = ws.CloseNow() }()
				for err == nil {
					_, _, err = ws.Read(ctx)
				}
				ended <- websocket.CloseStatus(err)
			}()
		}
		return ended
	}
	stay, gone := open("s3cret-S"), open("s3cret-G")
	require.NoError(t, os.WriteFile(file, []byte("stays:read:s3cret-S\n"), 0o600))
	how := map[any]int{}
	for range cap(gone) {
		how[<-gone]++
	}
	assert.Equal(t, map[any]int{nil: 2, websocket.StatusCode(4001): 3}, how)
	assert.Empty(t, stay)
}

// A replay of many events to a client that reads slowly ends, too, after the client's key was removed.
//
// Not parallel: it sets environment variables.
func TestRemovedKeyEndsAReplay(t *testing.T) {
	const conversation, events, size = "0d3ee5a55f044e7a9c3b2f9e4f1d7a10", 140, 200 << 10
	for name, replay := range map[string]func(t *testing.T, ctx context.Context, url, key string) (next func() (int, error)){
		"server-sent events": func(t *testing.T, ctx context.Context, url, key string) func() (int, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/conversations/"+conversation+"/events/stream?after_seq=-1", nil)
			require.NoError(t, err)
			r.Header.Set("X-Session-API-Key", key)
			response, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			t.Cleanup(func() { _ = response.Body.Close() })
			require.Equal(t, 200, response.StatusCode)
			part := make([]byte, size)
			return func() (int, error) { return response.Body.Read(part) }
		},
		"websocket": func(t *testing.T, ctx context.Context, url, key string) func() (int, error) {
			ws, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/sockets/session/"+conversation+"?after_seq=-1", //nolint:bodyclose // the library says that it need not be closed
				&websocket.DialOptions{HTTPHeader: http.Header{"X-Session-Api-Key": {key}}})
			require.NoError(t, err)
			t.Cleanup(func() { _ = ws.CloseNow() })
			ws.SetReadLimit(2 * size)
			return func() (int, error) {
				_, frame, err := ws.Read(ctx)
				return len(frame), err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "keys")
			require.NoError(t, os.WriteFile(file, []byte("gone:read:s3cret-G\nstays:read:s3cret-S\n"), 0o600))
			s := serve(t, map[string]string{"SESSION_API_KEY": "s3cret-D", "API_KEYS_FILE": file})
			var batch []string
			for i := range events {
				batch = append(batch, fmt.Sprintf(`{"id":"e%d","kind":"MessageEvent","source":"user","timestamp":"2026-01-01T00:00:00","text":%q}`, i, strings.Repeat("x", size)))
			}
			for _, push := range [][2]string{
				{"conversations", `{"id":"` + conversation + `"}`},
				{"events/" + conversation, "[" + strings.Join(batch, ",") + "]"},
			} {
				status, answer := s.ask(t, http.MethodPost, "/api/v1/webhooks/"+push[0], push[1], "X-Session-API-Key", "s3cret-D")
				require.Equal(t, 200, status, answer)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			t.Cleanup(cancel)
			gone, stays := replay(t, ctx, s.url, "s3cret-G"), replay(t, ctx, s.url, "s3cret-S")
			_, err := gone()
			require.NoError(t, err, "it has begun")
			require.NoError(t, os.WriteFile(file, []byte("stays:read:s3cret-S\n"), 0o600))
			require.Eventually(t, func() bool {
				_, err := stays() // a client that reads nothing is cut off
				require.NoError(t, err)
				status, _ := s.ask(t, http.MethodGet, "/api/conversations/count", "", "X-Session-API-Key", "s3cret-G")
				return status == 401
			}, time.Minute, 50*time.Millisecond)
			read := 0
			for err == nil {
				var n int
				n, err = gone()
				read += n
			}
			assert.Less(t, read, events*size/2)
			require.NoError(t, ctx.Err())
		})
	}
}

// Not parallel: it sets environment variables.
func TestNamedKeysLetOthersReachTheServer(t *testing.T) {
	for _, name := range []string{"API_KEYS", "API_KEYS_FILE", "SESSION_API_KEY"} {
		environment(t, map[string]string{"HOST": "0.0.0.0", name: "a:all:b"})
		_, read := app.Server().ReadConfig()
		require.NoError(t, read.Err(), name)
	}
}
