package enginetest

import (
	"context"
	"database/sql/driver"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Connections checks what every engine's connection promises. open makes one to an
// empty database and closes it in the end.
func Connections(t *testing.T, open func(t *testing.T) engine.Conn) {
	t.Helper()
	t.Run("a transaction outlives the context of its BEGIN", func(t *testing.T) {
		t.Parallel()
		c := openNames(t, open)
		begun, leave := context.WithCancel(t.Context())
		require.NoError(t, c.Begin(begun, engine.TxOptions{MayWait: true}))
		leave()
		add(t, c)
		require.NoError(t, c.Commit(t.Context()))
		assert.Equal(t, int64(1), Count(t, c))
	})
	t.Run("ROLLBACK undoes, and may come late", func(t *testing.T) {
		t.Parallel()
		c := openNames(t, open)
		require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
		add(t, c)
		require.NoError(t, c.Rollback(t.Context()))
		assert.Zero(t, Count(t, c))
		assert.True(t, c.Valid())
		require.NoError(t, c.Reset(t.Context()))
	})
	t.Run("a BEGIN that comes too late begins nothing", func(t *testing.T) {
		t.Parallel()
		c := openNames(t, open)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, c.Begin(ended, engine.TxOptions{}))
		if c.Valid() {
			require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
			require.NoError(t, c.Rollback(t.Context()))
		}
	})
	t.Run("savepoints", func(t *testing.T) {
		t.Parallel()
		c := openNames(t, open)
		require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
		add(t, c)
		for _, statement := range []string{"SAVEPOINT a", "ROLLBACK TO a", "RELEASE SAVEPOINT a", "SAVEPOINT a"} {
			require.NoError(t, c.Control(t.Context(), statement))
		}
		add(t, c)
		require.NoError(t, c.Control(t.Context(), "ROLLBACK TO a"))
		require.NoError(t, c.Commit(t.Context()))
		assert.Equal(t, int64(1), Count(t, c))
	})
	t.Run("prepared statements", func(t *testing.T) { preparedStatements(t, open) })
	t.Run("a read-only transaction", func(t *testing.T) {
		t.Parallel()
		c := openNames(t, open)
		require.NoError(t, c.Begin(t.Context(), engine.TxOptions{ReadOnly: true, MayWait: true}))
		assert.Zero(t, Count(t, c))
		require.NoError(t, c.Commit(t.Context()))
	})
}

func preparedStatements(t *testing.T, open func(t *testing.T) engine.Conn) {
	t.Helper()
	t.Parallel()
	c := openNames(t, open)
	keeps, err := c.KeepsStatements(t.Context())
	require.NoError(t, err)
	assert.True(t, keeps, "no pooler stands between")
	st, err := c.Prepare(t.Context(), "INSERT INTO names (name) VALUES ('b')")
	require.NoError(t, err)
	assert.LessOrEqual(t, st.NumInput(), 0, "-1 where the driver does not know")
	for range 3 {
		require.NoError(t, c.Begin(t.Context(), engine.TxOptions{MayWait: true}))
		_, err := st.Exec(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, c.Commit(t.Context()))
	}
	require.NoError(t, st.Close())
	assert.Equal(t, int64(3), Count(t, c))

	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
	add(t, c)
	st, _, err = c.PrepareOwn(t.Context(), "SELECT count(*) FROM names")
	require.NoError(t, err)
	rows, err := st.Query(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, int64(4), ReadOne(t, rows), "the transaction is as it was")
	require.NoError(t, c.Rollback(t.Context()))
	// st is left open: it ends with the connection.
}

func openNames(t *testing.T, open func(t *testing.T) engine.Conn) engine.Conn {
	t.Helper()
	c := open(t)
	_, err := c.Exec(t.Context(), "CREATE TABLE names (name varchar(20))", nil)
	require.NoError(t, err)
	return c
}

func add(t *testing.T, c engine.Conn) {
	t.Helper()
	_, err := c.Exec(t.Context(), "INSERT INTO names (name) VALUES ('a')", nil)
	require.NoError(t, err)
}

// Count counts the rows of the suite's table.
func Count(t *testing.T, c engine.Conn) int64 {
	t.Helper()
	rows, err := c.Query(t.Context(), "SELECT count(*) FROM names", nil)
	require.NoError(t, err)
	return ReadOne(t, rows)
}

// ReadOne reads a result of one number, and closes it.
func ReadOne(t *testing.T, rows driver.Rows) int64 {
	t.Helper()
	row := make([]driver.Value, 1)
	require.NoError(t, rows.Next(row))
	require.ErrorIs(t, rows.Next(make([]driver.Value, 1)), io.EOF)
	require.NoError(t, rows.Close())
	n, ok := row[0].(int64)
	require.True(t, ok, "%T", row[0])
	return n
}
