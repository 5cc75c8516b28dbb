package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// With EVENT_REDACTION no secret is in the file, wherever it came in; without it an event is
// kept byte for byte, and only that.
//
// Not parallel: it sets environment variables.
func TestNoSecretIsStored(t *testing.T) {
	const (
		conversation = "0d3ee5a55f044e7a9c3b2f9e4f1d7a10"
		secret       = "Zq7Zq7Zq7Zq7Zq7"
		event        = `{"id":"e1","kind":"ActionEvent","source":"agent","action":{"kind":"MCPToolAction","data":{"headers":{"A":"` + secret + `"}}}}`
		full         = `{"id":"f1","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"max_iterations":7,"agent":{"llm":{"api_key":"` + secret + `"},
			"mcp_config":{"mcpServers":{"a":{"args":["--api-key","` + secret + `"],"url":"https://x:` + secret + `@h/"}}}}}}`
		message = `{"role":"user","content":[{"type":"text","text":"it is at https://me:` + secret + `@host/"}]}`
	)
	for _, on := range []string{"true", "false"} {
		file := filepath.Join(t.TempDir(), "test.db")
		s := serve(t, map[string]string{"DATABASE_URL": "sqlite:///" + file, "EVENT_REDACTION": on})
		post := func(path, body string) {
			t.Helper()
			code, answer := s.ask(t, http.MethodPost, path, body)
			require.Less(t, code, 300, answer)
		}
		post("/api/v1/webhooks/conversations", `{"id":"`+conversation+`","agent":{"environment":{"A":"`+secret+`"}},"max_iterations":{"token":"`+secret+`"}}`)
		post("/api/v1/webhooks/events/"+conversation, "["+full+"]")
		if on == "true" {
			post("/api/v1/webhooks/events/"+conversation, "["+event+`,{"no":"id","token":"`+secret+`"},{"id":"x","password":"`+secret+`","n":NaN}]`)
			post("/api/conversations/"+conversation+"/events", message)
		}
		_, shown := s.ask(t, http.MethodGet, "/api/conversations/"+conversation, "")
		assert.Contains(t, shown, `"max_iterations":7`, "the whole state was understood")
		require.Zero(t, s.stop())
		for _, name := range []string{file, file + "-wal"} {
			content, err := os.ReadFile(name)
			if !os.IsNotExist(err) {
				require.NoError(t, err)
			}
			assert.False(t, bytes.Contains(content, []byte(secret)), "EVENT_REDACTION=%s: %s has it", on, name)
		}
		assert.NotContains(t, s.log.b.String(), secret)
	}
}

// None of the places where secrets stand reaches the database, on any engine: neither in a
// conversation nor in an event.
//
// Not parallel: it sets environment variables.
func TestNoPlaceOfSecretsIsStored(t *testing.T) {
	const (
		conversation = "0d3ee5a55f044e7a9c3b2f9e4f1d7a10"
		secret       = "Zq7Zq7Zq7Zq7Zq7Zq7Zq7Zq7Zq7"
	)
	content, err := os.ReadFile("wire/testdata/secrets.txt")
	require.NoError(t, err)
	text := strings.ReplaceAll(string(content), strings.Repeat("X", 24), secret)
	for _, around := range []string{`"X"`, ":X@", "//X@", "=X", ": X", "Bearer X", `\nX\n`} {
		text = strings.ReplaceAll(text, around, strings.Replace(around, "X", secret, 1))
	}
	places := strings.Split(strings.TrimSpace(text), "\n")
	require.GreaterOrEqual(t, len(places), 60)
	for _, engine := range dbtest.Engines() {
		file, url := filepath.Join(t.TempDir(), "test.db"), ""
		if engine == dbmodule.SQLite {
			url = "sqlite:///" + file
		} else {
			url = dbtest.URL(t, engine)
		}
		s := serve(t, map[string]string{"DATABASE_URL": url, "EVENT_REDACTION": "true"})
		var events []string
		for n, place := range places {
			require.Contains(t, place, secret)
			code, answer := s.ask(t, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+conversation+`","agent":{"kind":"Agent","with":`+place+`}}`)
			require.Equal(t, 200, code, answer)
			_, shown := s.ask(t, http.MethodGet, "/api/conversations/"+conversation+"?include_skills=true", "")
			require.NotContains(t, shown, secret, "%s: %s", engine, place)
			require.Contains(t, shown, `"with":{`)
			if !strings.HasPrefix(place, `{"key":`) { // what an event is about
				events = append(events, fmt.Sprintf(`{"id":"e%d","kind":"ActionEvent","source":"agent","action":%s}`, n, place))
			}
		}
		code, answer := s.ask(t, http.MethodPost, "/api/v1/webhooks/events/"+conversation, "["+strings.Join(events, ",")+"]")
		require.Equal(t, 200, code, answer)
		_, shown := s.ask(t, http.MethodGet, "/api/conversations/"+conversation+"/events/search", "")
		assert.NotContains(t, shown, secret, engine)
		assert.Equal(t, len(events), strings.Count(shown, `"ActionEvent"`))
		require.Zero(t, s.stop())
		if engine != dbmodule.SQLite {
			continue
		}
		for _, name := range []string{file, file + "-wal"} {
			stored, err := os.ReadFile(name)
			if !os.IsNotExist(err) {
				require.NoError(t, err)
			}
			assert.False(t, bytes.Contains(stored, []byte(secret)), "%s has it", name)
		}
	}
}
