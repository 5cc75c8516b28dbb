package postgres_test

import (
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

func openDB(t *testing.T, url string) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestReplicationOfAServerByItself(t *testing.T) {
	t.Parallel()
	db, ask := openDB(t, dbtest.URL(t, dburl.PostgreSQL)), postgres.Replication{}

	before, err := ask.Primary(t.Context(), db)
	require.NoError(t, err)
	assert.False(t, before.ReadOnly)
	require.Len(t, before.At, 1)

	_, err = db.ExecContext(t.Context(), "CREATE TABLE items (id int)")
	require.NoError(t, err)
	written, err := ask.Written(t.Context(), db)
	require.NoError(t, err)
	assert.True(t, written.Covers(before.At))
	assert.False(t, before.At.Covers(written))

	replica, err := ask.Replica(t.Context(), db)
	require.NoError(t, err)
	assert.Equal(t, engine.ReplicaAnswer{Refused: "it is no standby"}, replica)

	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(t.Context(), "SET default_transaction_read_only = on")
	require.NoError(t, err)
	readOnly, err := ask.Primary(t.Context(), db)
	require.NoError(t, err)
	assert.True(t, readOnly.ReadOnly)
}

func TestParseLSN(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]engine.Position{
		"0/0":               {0: 0},
		"0/1A":              {0: 0x1a},
		"16/B374D848":       {0: 0x16b374d848},
		"FFFFFFFF/FFFFFFFF": {0: 0xffffffffffffffff},
	} {
		at, err := postgres.ParseLSN(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, at)
	}
	for _, text := range []string{"", "/", "1", "1/", "/1", "g/1", "1/1/1", "100000000/0", "-1/0"} {
		_, err := postgres.ParseLSN(text)
		require.Error(t, err, text)
	}
}
