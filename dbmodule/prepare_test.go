package dbmodule_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What Database.DB says of Prepare: on a connection a statement is prepared once, on the
// database each time that it runs.
func TestPrepareCostsTrips(t *testing.T) {
	t.Parallel()
	const runs = 20
	for engine, each := range map[dbmodule.Engine]int64{dbmodule.PostgreSQL: 3, dbmodule.MySQL: 2} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			proxy := dbtest.StartProxy(t, dbtest.URL(t, engine))
			cfg := proxy.Config(t)
			cfg.PoolSize, cfg.MaxOverflow = 1, 0
			cfg.StatementCache = dbmodule.DefaultConfig().StatementCache
			db := dbtest.Open(t, cfg).DB()
			// trips returns the trips of a run, on average: the proxy may count one a moment late, and
			// a connection that a busy machine left idle is asked whether it is still there.
			trips := func(st *sql.Stmt) int64 {
				before := proxy.Trips()
				for range runs {
					var one int
					require.NoError(t, st.QueryRowContext(t.Context()).Scan(&one))
				}
				return (proxy.Trips() - before + runs/2) / runs
			}
			onDB, err := db.DB.PrepareContext(t.Context(), "SELECT 1")
			require.NoError(t, err)
			assert.Equal(t, each, trips(onDB))
			require.NoError(t, onDB.Close())

			conn, err := db.DB.Conn(t.Context())
			require.NoError(t, err)
			onConn, err := conn.PrepareContext(t.Context(), "SELECT 1")
			require.NoError(t, err)
			assert.EqualValues(t, 1, trips(onConn))
			require.NoError(t, onConn.Close())
			require.NoError(t, conn.Close())
		})
	}
}
