package postgres_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

// connect makes a connection to an empty database of the test server.
func connect(t *testing.T, pipelined bool) engine.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(dbtest.URL(t, dburl.PostgreSQL))
	require.NoError(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := postgres.Opener(postgres.Settings{Config: *config, Pipelined: pipelined})(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func exec(t *testing.T, c engine.Conn, query string) {
	t.Helper()
	_, err := c.Exec(t.Context(), query, nil)
	require.NoError(t, err, query)
}

func number(t *testing.T, c engine.Conn, query string) int64 {
	t.Helper()
	rows, err := c.Query(t.Context(), query, nil)
	require.NoError(t, err, query)
	row := make([]driver.Value, 1)
	require.NoError(t, rows.Next(row))
	require.NoError(t, rows.Close())
	n, ok := row[0].(int64)
	require.True(t, ok, "%T", row[0])
	return n
}

func TestNothingRunsWhenBeginFails(t *testing.T) {
	t.Parallel()
	c := connect(t, true)
	exec(t, c, "CREATE TABLE names (name text)")
	insert, err := c.Prepare(t.Context(), "INSERT INTO names VALUES ('skipped')")
	require.NoError(t, err)
	query, err := c.Prepare(t.Context(), "SELECT count(*) FROM names")
	require.NoError(t, err)
	for name, run := range map[string]func(ctx context.Context) error{
		"prepared statement": func(ctx context.Context) error { _, err := insert.Exec(ctx, nil); return err },
		"prepared query": func(ctx context.Context) error {
			rows, err := query.Query(ctx, nil)
			if err != nil {
				return err
			}
			err = rows.Next(make([]driver.Value, 1))
			return errors.Join(err, rows.Close())
		},
		"statement": func(ctx context.Context) error {
			_, err := c.Exec(ctx, "INSERT INTO names VALUES ('skipped')", nil)
			return err
		},
		"query": func(ctx context.Context) error {
			_, err := c.Query(ctx, "INSERT INTO names VALUES ('skipped') RETURNING name", nil)
			return err
		},
		"to be prepared":          func(ctx context.Context) error { _, err := c.Prepare(ctx, "SELECT 3"); return err },
		"to be prepared, our own": func(ctx context.Context) error { _, _, err := c.PrepareOwn(ctx, "SELECT 3"); return err },
		"under any settings":      func(ctx context.Context) error { _, err := c.QueryAnySettings(ctx, "SELECT 3", nil); return err },
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // they share a connection
			require.NoError(t, c.Begin(t.Context(), engine.TxOptions{MayWait: true}))
			postgres.SetBegin(c, "DO $$BEGIN RAISE EXCEPTION 'it does not begin'; END$$")
			require.ErrorContains(t, run(t.Context()), "it does not begin")
			require.NoError(t, c.Rollback(t.Context()))
			assert.Zero(t, number(t, c, "SELECT count(*) FROM names"))
		})
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	for name, pipelined := range map[string]bool{"pipelined": true, "plain": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enginetest.Connections(t, func(t *testing.T) engine.Conn { t.Helper(); return connect(t, pipelined) })
		})
	}
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	c := connect(t, true)
	exec(t, c, "CREATE TABLE names (name text)")
	add := func() error {
		_, err := c.Exec(t.Context(), "INSERT INTO names VALUES ('a')", nil)
		return err
	}
	level := func(name string) int64 {
		return number(t, c, "SELECT count(*) WHERE current_setting('transaction_isolation') = '"+name+"'")
	}

	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{Isolation: sql.LevelSerializable, MayWait: true}))
	assert.Equal(t, int64(1), level("serializable"))
	require.NoError(t, c.Commit(t.Context()))

	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{}))
	_, err := c.Exec(t.Context(), "nonsense", nil)
	require.Error(t, err)
	require.ErrorIs(t, c.Commit(t.Context()), pgx.ErrTxCommitRollback, "the server rolled back")

	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{Isolation: sql.LevelRepeatableRead}))
	_, err = c.Exec(t.Context(), "nonsense", nil)
	require.Error(t, err)
	assert.True(t, c.AbortsOnError())
	require.NoError(t, c.Restart(t.Context()))
	assert.Equal(t, int64(1), level("repeatable read"))
	require.NoError(t, add())
	require.NoError(t, c.Commit(t.Context()))
	assert.Equal(t, int64(1), enginetest.Count(t, c))

	require.NoError(t, c.Begin(t.Context(), engine.TxOptions{ReadOnly: true}))
	require.Error(t, add())
	require.NoError(t, c.Rollback(t.Context()))
	require.ErrorContains(t, c.Begin(t.Context(), engine.TxOptions{Isolation: sql.LevelLinearizable}), "no isolation level")
}
