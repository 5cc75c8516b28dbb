package events_test

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
)

// A conversation is downloaded with all its events, more than a page, byte for byte, in the
// forms of the app server and of the agent server. No id of an event leads out of the folder.
func TestDownloads(t *testing.T) {
	t.Parallel()
	const hex, n = "0d3ee5a55f044e7a9c3b2f9e4f1d7a10", 230
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/conversations",
			`{"id":"`+hex+`","title":"T","agent":{"kind":"Agent","agent_context":{"skills":["one"]}}}`, 200)
		var sent []string
		for i := range n {
			id := fmt.Sprintf("e%d", i)
			if i == 7 {
				id = "../../e\u00e97"
			}
			sent = append(sent, fmt.Sprintf(`{"id":"%s",  "kind":"MessageEvent","source":"agent","timestamp":"2026-01-01T00:00:00.%06d"}`, id, i))
		}
		apptest.JSON[json.RawMessage](t, s, http.MethodPost, "/api/v1/webhooks/events/"+hex, "["+strings.Join(sent, ",")+"]", 200)

		read := func(path, contentType, name string) map[string]string {
			t.Helper()
			answer := s.Do(t, http.MethodGet, path, "")
			require.Equal(t, 200, answer.Status, answer.Body)
			assert.Equal(t, contentType, answer.Header.Get("Content-Type"))
			assert.Equal(t, `attachment; filename="`+name+`"`, answer.Header.Get("Content-Disposition"))
			archive, err := zip.NewReader(strings.NewReader(answer.Body), int64(len(answer.Body)))
			require.NoError(t, err)
			files := map[string]string{}
			for _, f := range archive.File {
				r, err := f.Open()
				require.NoError(t, err)
				content, err := io.ReadAll(r)
				require.NoError(t, err)
				files[f.Name] = string(content)
			}
			return files
		}
		app := read("/api/v1/app-conversations/"+hex+"/download", "application/zip", "conversation_"+hex+".zip")
		agent := read("/api/file/download-trajectory/"+hex, "application/octet-stream", hex+".zip")
		assert.Len(t, app, n+1)
		assert.Len(t, agent, n+2)
		for i, payload := range sent {
			id := fmt.Sprintf("e%d", i)
			if i == 7 {
				id = "______e_7"
			}
			assert.Equal(t, payload, app[fmt.Sprintf("event_%06d_%s.json", i, id)])
			assert.Equal(t, payload, agent[fmt.Sprintf("events/event-%05d-%s.json", i, id)])
		}
		assert.Contains(t, app["meta.json"], `"title":"T"`)
		assert.Contains(t, agent["meta.json"], `"title":"T"`)
		assert.Contains(t, agent["base_state.json"], `"skills":["one"]`)
		for _, path := range []string{"/api/v1/app-conversations/%s/download", "/api/file/download-trajectory/%s"} {
			assert.Equal(t, 404, s.Do(t, http.MethodGet, fmt.Sprintf(path, strings.Repeat("0", 32)), "").Status)
			assert.Equal(t, 422, s.Do(t, http.MethodGet, fmt.Sprintf(path, "x"), "").Status)
		}
		assert.Equal(t, 501, s.Do(t, http.MethodGet, "/api/file/download/x", "").Status)
	})
}
