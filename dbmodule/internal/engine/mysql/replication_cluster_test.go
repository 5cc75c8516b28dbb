//go:build cluster

package mysql_test

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
)

func openServer(t *testing.T, server *dbtest.Server) *sql.DB {
	t.Helper()
	u, err := url.Parse(server.URL())
	require.NoError(t, err)
	c := driver.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	return openDB(t, c)
}

func TestClusterMariaDBTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	primary := dbtest.StartPrimary(t, dburl.MySQL)
	standby := dbtest.StartStandby(t, primary)
	writes, reads, ask := openServer(t, primary), openServer(t, standby), new(mysql.Replication)

	_, err := reads.ExecContext(t.Context(), "STOP SLAVE SQL_THREAD")
	require.NoError(t, err)
	conn, err := writes.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "CREATE TABLE items (id int)")
	require.NoError(t, err)
	written, err := ask.Written(t.Context(), conn)
	require.NoError(t, err)
	require.NotEmpty(t, written)
	now, err := ask.Primary(t.Context(), writes)
	require.NoError(t, err)
	assert.False(t, now.ReadOnly)
	assert.True(t, now.At.Covers(written), "%v, %v", now, written)

	behind, err := ask.Replica(t.Context(), reads)
	require.NoError(t, err)
	assert.Empty(t, behind.Refused)
	assert.False(t, behind.At.Covers(written), "%v, %v", behind, written)

	_, err = reads.ExecContext(t.Context(), "START SLAVE SQL_THREAD")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		answer, err := ask.Replica(t.Context(), reads)
		require.NoError(t, err)
		return answer.At.Covers(written)
	}, 20*time.Second, 5*time.Millisecond)

	_, err = reads.ExecContext(t.Context(), "SET GLOBAL read_only = ON")
	require.NoError(t, err)
	state, err := ask.Primary(t.Context(), reads)
	require.NoError(t, err)
	assert.True(t, state.ReadOnly)
}
