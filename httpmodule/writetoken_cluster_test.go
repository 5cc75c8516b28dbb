//go:build cluster

package httpmodule_test

import (
	"net/http"
	"net/http/cookiejar"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// A client reads what it wrote, through another process and while the replica
// lags; clients that wrote nothing read from the replica.
func TestClusterClientReadsItsWrites(t *testing.T) {
	t.Parallel()
	primary := dbtest.StartPrimary(t, dbmodule.PostgreSQL)
	standby := dbtest.StartStandby(t, primary)
	direct := dbtest.Open(t, standby.Config(t))
	cfg := primary.Config(t)
	cfg.ReplicaURLs = dbmodule.URLs{standby.Config(t).URL}
	cfg.ReplicaMaxLag = 0
	cfg.CheckInterval = 50 * time.Millisecond

	routes := func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.GET("/items", func(c echo.Context) error {
				n, err := httpmodule.Session(c.Request().Context(), f.db.Sessions()).NewSelect().Model((*Item)(nil)).Count(c.Request().Context())
				if err != nil {
					return err
				}
				return c.JSON(http.StatusOK, n)
			})
			e.POST("/items", func(c echo.Context) error {
				_, err := httpmodule.Session(c.Request().Context(), f.db.Sessions()).NewInsert().Model(&Item{Name: "a"}).Exec(c.Request().Context())
				if err != nil {
					return err
				}
				return c.NoContent(http.StatusCreated)
			})
		}
	}
	admin := dbtest.Open(t, primary.Config(t))
	_, err := admin.DB().NewCreateTable().Model((*Item)(nil)).Exec(t.Context())
	require.NoError(t, err)
	first, second := serveOn(t, dbtest.Open(t, cfg), testConfig(), routes), serveOn(t, dbtest.Open(t, cfg), testConfig(), routes)
	for _, f := range []*fixture{first, second} {
		require.Eventually(t, func() bool { return f.db.Replicas()[0].Fit }, 20*time.Second, 10*time.Millisecond)
	}
	require.Eventually(t, func() bool {
		_, err := direct.DB().NewSelect().Model((*Item)(nil)).Count(t.Context())
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
	_, err = direct.DB().ExecContext(t.Context(), "SELECT pg_wal_replay_pause()")
	require.NoError(t, err)

	reads := first.do(http.MethodGet, "/items", "")
	assert.Empty(t, reads.header.Get("Write-Token"), "reading gives none")
	assert.Empty(t, reads.header.Get("Set-Cookie"))
	wrote := first.do(http.MethodPost, "/items", "")
	require.Equal(t, http.StatusCreated, wrote.status, wrote.body)
	token := wrote.header.Get("Write-Token")
	require.NotEmpty(t, token)

	for _, f := range []*fixture{first, second} {
		assert.Equal(t, "0", f.do(http.MethodGet, "/items", "").body, "another client")
		assert.Equal(t, "1", f.do(http.MethodGet, "/items", "", "Write-Token", token).body, "the writer")
	}

	// A browser keeps the cookie. Both processes are one host to it.
	second.client.Jar, err = cookiejar.New(nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, second.do(http.MethodPost, "/items", "").status)
	assert.Equal(t, "2", second.do(http.MethodGet, "/items", "").body)
	ready := first.do(http.MethodGet, "/ready", "")
	assert.Contains(t, ready.body, `"replicas":[{"fit":true`)

	_, err = direct.DB().ExecContext(t.Context(), "SELECT pg_wal_replay_resume()")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return first.do(http.MethodGet, "/items", "").body == "2" }, 20*time.Second, 10*time.Millisecond)
}
