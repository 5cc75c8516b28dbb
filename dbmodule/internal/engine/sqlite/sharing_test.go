package sqlite_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
)

func execute(t *testing.T, c engine.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := c.Exec(t.Context(), statement, nil)
		require.NoError(t, err, statement)
	}
}

// What CommitFails says before COMMIT is what COMMIT says.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	c := open(t, settings(t))
	execute(t, c, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)")
	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
	require.NoError(t, c.CommitFails())
	execute(t, c, "INSERT INTO c VALUES (1)")
	before, commit := sqlite.Judge(c.CommitFails()), sqlite.Judge(c.Commit(t.Context()))
	assert.Equal(t, dberr.ErrForeignKey, commit.Kind)
	assert.Equal(t, commit.Kind, before.Kind)
	assert.Equal(t, commit.Code, before.Code)

	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
	execute(t, c, "INSERT INTO c VALUES (1)", "INSERT INTO p VALUES (1)")
	require.NoError(t, c.CommitFails(), "it is resolved")
	require.NoError(t, c.Commit(t.Context()))
}

func TestSchemaUndoes(t *testing.T) {
	t.Parallel()
	s := settings(t)
	c, other := open(t, s), open(t, s)
	execute(t, c, "CREATE TABLE p (id INTEGER PRIMARY KEY, rollback_at TEXT DEFAULT 'deferre')")
	assert.False(t, c.SchemaUndoes(t.Context()))
	for name, statements := range map[string][2]string{
		"ON CONFLICT": {"CREATE TABLE t (id INTEGER UNIQUE ON CONFLICT ROLLBACK)", "DROP TABLE t"},
		"RAISE":       {"CREATE TRIGGER t BEFORE INSERT ON p BEGIN SELECT RAISE(ROLLBACK, 'no'); END", "DROP TRIGGER t"},
		"deferred":    {"CREATE TABLE t (p INTEGER REFERENCES p (id) deferrable initially Deferred)", "DROP TABLE t"},
	} {
		execute(t, other, statements[0]) // a change of another's is noticed too
		assert.True(t, c.SchemaUndoes(t.Context()), name)
		assert.True(t, c.SchemaUndoes(t.Context()), "asked again")
		execute(t, other, statements[1])
		assert.False(t, c.SchemaUndoes(t.Context()), name)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	assert.True(t, c.SchemaUndoes(gone), "nobody knows")
}
