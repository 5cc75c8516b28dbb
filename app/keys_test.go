package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// Not parallel: it sets environment variables.
func TestNamedKeysLetOthersReachTheServer(t *testing.T) {
	for _, name := range []string{"API_KEYS", "API_KEYS_FILE", "SESSION_API_KEY"} {
		environment(t, map[string]string{"HOST": "0.0.0.0", name: "a:all:b"})
		_, read := app.Server().ReadConfig()
		require.NoError(t, read.Err(), name)
	}
}
