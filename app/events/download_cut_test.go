package events_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// A download that the database does not let end is cut, so that the client knows, and the log
// says why.
func TestDownloadIsCutOff(t *testing.T) {
	t.Parallel()
	const id = "0d3ee5a55f044e7a9c3b2f9e4f1d7a10"
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite))
	apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+id+`"}`, 200)
	core, log := observer.New(zap.ErrorLevel)
	server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{}, nil, s.DB,
		events.NewRoutes(s.Sessions, s.Events, s.Conversations, zap.New(core)))
	require.NoError(t, err)
	_, err = s.DB.DB().ExecContext(t.Context(), "ALTER TABLE events RENAME TO gone")
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/app-conversations/"+id+"/download", nil)
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { server.ServeHTTP(httptest.NewRecorder(), r) })
	entries := log.FilterMessage("download cut off").All()
	require.Len(t, entries, 1)
	assert.Contains(t, entries[0].ContextMap()["error"], "events")
}
