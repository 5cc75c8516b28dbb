package dbtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// On a server that outlives the tests, a second process takes the template of
// the first, and what is left of earlier days goes.
func TestTemplatesOnAServerOfSomebodyElses(t *testing.T) {
	t.Parallel()
	server := dbtest.StartServer(t, dbmodule.PostgreSQL)
	admin := dbtest.Open(t, server.Config(t))
	templates := func() (names []string) {
		require.NoError(t, admin.DB().NewRaw("SELECT datname FROM pg_database WHERE datname LIKE 'dbtest%' ORDER BY 1").Scan(t.Context(), &names))
		return names
	}
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format("20060102") }
	old, yesterday := "dbtest_template_"+day(-2)+"_0", "dbtest_template_"+day(-1)+"_0"
	for _, name := range []string{old, yesterday} {
		_, err := admin.DB().ExecContext(t.Context(), "CREATE DATABASE "+name)
		require.NoError(t, err)
	}
	env := map[string]string{"DBTEST_POSTGRES_URL": server.URL()}
	for range 2 { // processes
		kit := dbtest.NewKit(env, true)
		t.Run("process", func(t *testing.T) {
			for range 2 {
				cfg := server.Config(t)
				u, err := dbmodule.ParseURL(kit.New(t, dbmodule.PostgreSQL, dbtest.WithModels(shop()...)))
				require.NoError(t, err)
				cfg.URL = u
				db := dbtest.Open(t, cfg)
				_, err = db.DB().NewInsert().Model(&author{Name: "Le Guin"}).Exec(t.Context())
				require.NoError(t, err)
			}
		})
	}
	left := templates()
	assert.Len(t, left, 2, "the databases of the tests are dropped, and one template serves both processes: %v", left)
	assert.Contains(t, left, yesterday)
	assert.NotContains(t, left, old)
}
