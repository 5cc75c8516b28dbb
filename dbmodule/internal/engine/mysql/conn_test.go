package mysql_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
)

// config is for a new database of the test server.
func config(t *testing.T) *driver.Config {
	t.Helper()
	u, err := url.Parse(dbtest.URL(t, dburl.MySQL))
	require.NoError(t, err)
	c := driver.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	return c
}

func open(t *testing.T, hosts *mysql.Hosts) engine.Conn {
	t.Helper()
	c, err := hosts.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func hosts(t *testing.T, configs ...*driver.Config) *mysql.Hosts {
	t.Helper()
	h, err := mysql.NewHosts(10*time.Second, configs...)
	require.NoError(t, err)
	t.Cleanup(h.Wait)
	return h
}

func TestConnections(t *testing.T) {
	t.Parallel()
	enginetest.Connections(t, func(t *testing.T) engine.Conn { t.Helper(); return open(t, hosts(t, config(t))) })
}

// The driver only closes the connection of a caller who goes away; the server
// would go on.
func TestAbandonEndsTheStatement(t *testing.T) {
	t.Parallel()
	h := hosts(t, config(t))
	c, watch := open(t, h), open(t, h)
	left, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer leave()
	_, err := c.Exec(left, "DO SLEEP(1000)", nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, c.Valid())
	c.Abandon(left)
	c.Abandon(left) // once is enough
	h.Wait()
	require.Eventually(t, func() bool {
		_, err := watch.Exec(t.Context(), "DO 1", nil)
		require.NoError(t, err)
		rows, err := watch.Query(t.Context(), "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%' AND id <> connection_id()", nil)
		require.NoError(t, err)
		return enginetest.ReadOne(t, rows) == 0
	}, 20*time.Second, 50*time.Millisecond)
}

func TestOneOfSeveralHosts(t *testing.T) {
	t.Parallel()
	working := config(t)
	gone := working.Clone()
	gone.Addr = "127.0.0.1:1"
	require.NoError(t, open(t, hosts(t, gone, working)).Ping(t.Context()))
	_, err := hosts(t, gone, gone).Open(t.Context())
	assert.Equal(t, dberr.ErrUnavailable, mysql.Judge(err).Kind)
	_, err = mysql.NewHosts(0, &driver.Config{Net: "nonsense", Passwd: "hidden", ConnectionAttributes: "a:b", Params: map[string]string{"x": "y"}, TLSConfig: "nonsense"})
	require.ErrorIs(t, err, mysql.ErrSettings)
}
