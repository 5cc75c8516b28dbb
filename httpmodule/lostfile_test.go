package httpmodule_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// A server whose SQLite file is gone is not ready, and says why.
func TestReadySaysThatTheFileIsGone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gone.db")
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte("sqlite:///"+path)))
	cfg.Schema, cfg.CheckInterval = dbmodule.SchemaNone, 1
	db, err := dbmodule.Open(cfg, nil)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	require.NoError(t, db.Connect(t.Context()))
	require.NoError(t, os.Remove(path))
	server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{}, nil, db)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/ready", nil))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Contains(t, w.Body.String(), "the database's file was moved, deleted or replaced")
}
