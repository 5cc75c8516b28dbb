package mysql_test

import (
	"database/sql"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
)

func openDB(t *testing.T, config *driver.Config) *sql.DB {
	t.Helper()
	connector, err := driver.NewConnector(config)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// The test server has no binary log, and so no position.
func TestReplicationOfAServerByItself(t *testing.T) {
	t.Parallel()
	db, ask := openDB(t, config(t)), new(mysql.Replication)

	primary, err := ask.Primary(t.Context(), db)
	require.NoError(t, err)
	assert.Equal(t, engine.PrimaryAnswer{}, primary)
	_, err = ask.Written(t.Context(), db)
	require.ErrorContains(t, err, "the server has none")
	replica, err := ask.Replica(t.Context(), db)
	require.NoError(t, err)
	assert.Equal(t, engine.ReplicaAnswer{Refused: "it replicates nothing"}, replica)
}

func TestParseGTIDs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]engine.Position{
		"0-1-100":            {0: 100},
		"0-1-100,7-2-5":      {0: 100, 7: 5},
		"0-1-100, 0-2-101":   {0: 101}, // two servers wrote in one domain
		"4294967295-1-1":     {4294967295: 1},
		"0-1-99,\n5-4-3":     {0: 99, 5: 3},
		"0-2-101,0-1-100":    {0: 101},
		"1-1-18446744073709": {1: 18446744073709},
	} {
		at, err := mysql.ParseGTIDs(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, at, text)
	}
	for _, text := range []string{
		"", "0-1", "0-1-2-3", "x-1-2", "0-1-x", "0-1-100,", "-1-1-1", "4294967296-1-1",
		"3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5",
	} {
		_, err := mysql.ParseGTIDs(text)
		require.Error(t, err, text)
	}
}

// What servers without MariaDB's variables answer, old and new.
func TestAnswerOfAReplicaWithoutPositions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status map[string]string
		want   engine.ReplicaAnswer
	}{
		"no replica":      {nil, engine.ReplicaAnswer{Refused: "it replicates nothing"}},
		"new name":        {map[string]string{"Seconds_Behind_Source": "3"}, engine.ReplicaAnswer{Lag: 3 * time.Second}},
		"old name":        {map[string]string{"Seconds_Behind_Master": "0"}, engine.ReplicaAnswer{}},
		"NULL":            {map[string]string{"Seconds_Behind_Master": ""}, engine.ReplicaAnswer{Refused: "its replication does not run"}},
		"no such columns": {map[string]string{"Channel": "x"}, engine.ReplicaAnswer{Refused: "it does not say how far behind it is"}},
	} {
		assert.Equal(t, c.want, mysql.AnswerOf(c.status), name)
	}
}
