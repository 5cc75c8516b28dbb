package httpmodule_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
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
	assert.Contains(t, w.Body.String(), "the database's file or its write-ahead log was moved, deleted or replaced")
}

// A response that tells of what others did is not sent before that is stored. On SQLite the
// handler's session may share a transaction with theirs, whose COMMIT fails.
func TestResponseAboutWhatIsNotStored(t *testing.T) {
	t.Parallel()
	const rounds = 30
	for range rounds {
		if answersAboutWhatIsNotStored(t) {
			return
		}
	}
	t.Error("no group failed")
}

// answersAboutWhatIsNotStored reports whether the units of work shared a transaction: on a busy
// machine it may be committed before the last of them joins.
func answersAboutWhatIsNotStored(t *testing.T) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "moved.db")
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte("sqlite:///"+path+"?synchronous=FULL")))
	cfg.CheckInterval = time.Hour // only COMMIT looks
	db, err := dbmodule.Open(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	require.NoError(t, db.Connect(t.Context()))
	_, err = db.DB().ExecContext(t.Context(), "CREATE TABLE items (name text)")
	require.NoError(t, err)
	server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{}, nil, db, func(e *echo.Echo, _ huma.API) {
		e.POST("/taken", func(c echo.Context) error {
			ctx := c.Request().Context()
			n, err := httpmodule.Session(ctx, db.Sessions()).NewSelect().Table("items").Count(ctx)
			if err != nil {
				return err
			}
			return c.JSON(http.StatusConflict, n)
		})
	})
	require.NoError(t, err)

	store := func(s *dbmodule.Session, name string) {
		_, err := s.ExecContext(t.Context(), "INSERT INTO items (name) VALUES (?)", name)
		assert.NoError(t, err)
	}
	waits := func(n int64) {
		require.Eventually(t, func() bool { return db.Stats().WaitCount >= n }, time.Minute, time.Millisecond)
	}
	before := db.Stats().WaitCount
	first, last, w := db.Sessions().New(), db.Sessions().New(), httptest.NewRecorder()
	store(first, "first")
	var wg sync.WaitGroup
	var lastErr error
	wg.Go(func() {
		server.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/taken", nil))
	})
	waits(before + 1)
	wg.Go(func() {
		store(last, "last")
		assert.NoError(t, os.Rename(path, path+".away"))
		lastErr = last.Close()
	})
	waits(before + 2)
	firstErr := first.Commit(t.Context())
	wg.Wait()
	if firstErr == nil {
		return false
	}
	require.ErrorIs(t, firstErr, dbmodule.ErrUnavailable)
	require.ErrorIs(t, lastErr, dbmodule.ErrConflict)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code, w.Body)
	return true
}
