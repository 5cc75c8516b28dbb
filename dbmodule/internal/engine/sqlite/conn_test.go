package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
)

func open(t *testing.T, s sqlite.Settings) engine.Conn {
	t.Helper()
	c, err := sqlite.Opener(s)(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func settings(t *testing.T) sqlite.Settings {
	t.Helper()
	return sqlite.Settings{Name: "file:" + filepath.Join(t.TempDir(), "test.db"), Synchronous: "FULL"}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	enginetest.Connections(t, func(t *testing.T) engine.Conn { t.Helper(); return open(t, settings(t)) })
}

func TestConnectionsInMemory(t *testing.T) {
	t.Parallel()
	enginetest.Connections(t, func(t *testing.T) engine.Conn {
		t.Helper()
		return open(t, sqlite.Settings{Name: "file:/" + t.Name(), Memory: true, Synchronous: "OFF"})
	})
}

func TestWriterTakesTheLockWhenItBegins(t *testing.T) {
	t.Parallel()
	s := settings(t)
	one, other := open(t, s), open(t, s)
	require.NoError(t, one.Begin(t.Context(), engine.TxOptions{}))
	err := other.Begin(t.Context(), engine.TxOptions{})
	require.Error(t, err)
	assert.True(t, sqlite.Judge(err).LosesTransaction)
	require.NoError(t, other.Begin(t.Context(), engine.TxOptions{ReadOnly: true}), "it is not going to write")
	require.NoError(t, other.Rollback(t.Context()))
	require.NoError(t, one.Rollback(t.Context()))
	require.NoError(t, other.Begin(t.Context(), engine.TxOptions{}))
	require.NoError(t, other.Commit(t.Context()))
}

// COMMIT waits for the disk alone: a caller who goes away meanwhile must not be told
// of a transaction that was stored that it was cancelled.
func TestCommitIsNotInterrupted(t *testing.T) {
	t.Parallel()
	c := open(t, settings(t))
	_, err := c.Exec(t.Context(), "CREATE TABLE names (name TEXT)", nil)
	require.NoError(t, err)
	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
	_, err = c.Exec(t.Context(), "INSERT INTO names VALUES ('a')", nil)
	require.NoError(t, err)
	left, leave := context.WithCancel(t.Context())
	leave()
	require.NoError(t, c.Commit(left))
	assert.Equal(t, int64(1), enginetest.Count(t, c))
}

func TestRefusedCommitLeavesNoTransaction(t *testing.T) {
	t.Parallel()
	c := open(t, settings(t))
	for _, query := range []string{
		"CREATE TABLE p (id INTEGER PRIMARY KEY)",
		"CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
	} {
		_, err := c.Exec(t.Context(), query, nil)
		require.NoError(t, err)
	}
	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
	_, err := c.Exec(t.Context(), "INSERT INTO c VALUES (1)", nil)
	require.NoError(t, err, "deferred")
	require.Error(t, c.Commit(t.Context()))
	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}), "SQLite would have kept it open")
	require.NoError(t, c.Rollback(t.Context()))
	require.NoError(t, c.Rollback(t.Context()), "there is none any more, as was wanted")
}

func TestReaders(t *testing.T) {
	t.Parallel()
	s := settings(t)
	writer := open(t, s)
	_, err := writer.Exec(t.Context(), "CREATE TABLE names (name TEXT)", nil)
	require.NoError(t, err)
	for name, change := range map[string]func(*sqlite.Settings){
		"reader":    func(s *sqlite.Settings) { s.Reader = true },
		"read-only": func(s *sqlite.Settings) { s.ReadOnly = true },
	} {
		of := s
		change(&of)
		c := open(t, of)
		assert.Zero(t, enginetest.Count(t, c), name)
		_, err := c.Exec(t.Context(), "INSERT INTO names VALUES ('a')", nil)
		require.Error(t, err, name)
		require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}), "it takes no lock to write")
		require.NoError(t, c.Rollback(t.Context()))
	}
}

// SQLite keeps a connection open that has statements: its file and its locks too.
func TestCloseEndsWhatWasPrepared(t *testing.T) {
	t.Parallel()
	s := settings(t)
	c, err := sqlite.Opener(s)(t.Context())
	require.NoError(t, err)
	_, err = c.Exec(t.Context(), "CREATE TABLE names (name TEXT)", nil)
	require.NoError(t, err)
	_, err = c.Prepare(t.Context(), "INSERT INTO names VALUES ('a')")
	require.NoError(t, err)
	log := strings.TrimPrefix(s.Name, "file:") + "-wal"
	require.FileExists(t, log)
	require.NoError(t, c.Close())
	require.NoFileExists(t, log, "the last connection that closes removes the write-ahead log")
}
