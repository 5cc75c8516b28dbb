//go:build cluster

package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

func TestClusterPostgreSQLTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	primary := dbtest.StartPrimary(t, dburl.PostgreSQL)
	standby := dbtest.StartStandby(t, primary)
	writes, reads, ask := openDB(t, primary.URL()), openDB(t, standby.URL()), postgres.Replication{}

	_, err := reads.ExecContext(t.Context(), "SELECT pg_wal_replay_pause()")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var state string
		require.NoError(t, reads.QueryRowContext(t.Context(), "SELECT pg_get_wal_replay_pause_state()").Scan(&state))
		return state == "paused"
	}, 20*time.Second, 5*time.Millisecond)
	_, err = writes.ExecContext(t.Context(), "CREATE TABLE items (id int)")
	require.NoError(t, err)
	written, err := ask.Written(t.Context(), writes)
	require.NoError(t, err)

	behind, err := ask.Replica(t.Context(), reads)
	require.NoError(t, err)
	assert.Empty(t, behind.Refused)
	assert.False(t, behind.At.Covers(written), "%v, %v", behind, written)
	state, err := ask.Primary(t.Context(), reads)
	require.NoError(t, err)
	assert.True(t, state.ReadOnly, "a standby takes no writes")
	assert.Empty(t, state.At)

	_, err = reads.ExecContext(t.Context(), "SELECT pg_wal_replay_resume()")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		answer, err := ask.Replica(t.Context(), reads)
		require.NoError(t, err)
		return answer.At.Covers(written)
	}, 20*time.Second, 5*time.Millisecond)

	require.NoError(t, standby.Promote(t.Context()))
	promoted, err := ask.Replica(t.Context(), reads)
	require.NoError(t, err)
	assert.Equal(t, "it is no standby", promoted.Refused)
}
