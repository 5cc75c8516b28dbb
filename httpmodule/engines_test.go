package httpmodule_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

func TestRequestSessionOnEveryEngine(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := openOn(t, cfg)
		f := serveOn(t, db, testConfig(), func(f *fixture) httpmodule.Routes {
			return func(e *echo.Echo, api huma.API) {
				do := func(path string, fn func(context.Context, *dbmodule.Session) error) {
					both(e, api, path, func(ctx context.Context) (int, error) {
						return http.StatusCreated, fn(ctx, httpmodule.Session(ctx, f.db.Sessions()))
					})
				}
				do("/store", func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "a") })
				do("/fail", func(ctx context.Context, s *dbmodule.Session) error {
					return errors.Join(insert(ctx, s, "b"), httpmodule.NewError(http.StatusTeapot, ""))
				})
				do("/swallow", func(ctx context.Context, s *dbmodule.Session) error {
					err := insert(ctx, s, "c")
					_ = insert(ctx, s, "a")
					return err
				})
				do("/orphan", func(ctx context.Context, s *dbmodule.Session) error { return insertOrphan(ctx, s, "d") })
			}
		})
		assert.Equal(t, 201, f.do(http.MethodPost, "/plain/store", "").status)
		assert.Equal(t, 409, f.do(http.MethodPost, "/typed/store", "").status, "unique")
		assert.Equal(t, 418, f.do(http.MethodPost, "/typed/fail", "").status)
		assert.Equal(t, 409, f.do(http.MethodPost, "/plain/swallow", "").status, "half a transaction")
		if db.Engine() != dbmodule.MySQL { // it has no deferred constraints
			assert.Equal(t, 409, f.do(http.MethodPost, "/plain/orphan", "").status)
			assert.Equal(t, 409, f.do(http.MethodPost, "/typed/orphan", "").status)
		}
		assert.Equal(t, []string{"a"}, f.names())
		f.idle()
	})
}

// It is the program that is wrong, not the database: no client should try again later.
func TestAWriteInAGetIsAMistakeInTheProgram(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		f := serveOn(t, openOn(t, cfg), testConfig(), func(f *fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.GET("/write", func(c echo.Context) error {
					return insert(c.Request().Context(), httpmodule.Session(c.Request().Context(), f.db.Sessions()), "a")
				})
				e.GET("/again", func(c echo.Context) error { // what it answers later is of the same cause
					s := httpmodule.Session(c.Request().Context(), f.db.Sessions())
					return errors.Join(insert(c.Request().Context(), s, "a"), insert(c.Request().Context(), s, "b"))
				})
			}
		})
		for i, path := range []string{"/write", "/again"} {
			got := f.do(http.MethodGet, path, "")
			assert.Equal(t, http.StatusInternalServerError, got.status)
			assert.JSONEq(t, `{"detail":"Internal Server Error"}`, got.body)
			assert.Empty(t, got.header.Get("Retry-After"))
			logged := f.logged("request failed")
			require.Len(t, logged, i+1)
			assert.Equal(t, zap.ErrorLevel, logged[i].Level)
			assert.Contains(t, logged[i].ContextMap()["error"], "read-only session")
			assert.Contains(t, logged[i].ContextMap()["hint"], "SessionFactory.InTx")
		}
		assert.Empty(t, f.names())
		f.idle()
	})
}

// openOn opens a database of any engine with the table of these tests.
func openOn(t *testing.T, cfg dbmodule.Config) *dbmodule.Database {
	t.Helper()
	db := dbtest.Open(t, cfg)
	table := `CREATE TABLE items (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE, parent BIGINT)`
	switch db.Engine() {
	case dbmodule.SQLite:
		table = createItems
	case dbmodule.PostgreSQL:
		table = `CREATE TABLE items (id BIGSERIAL PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE,
			parent BIGINT REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)`
	}
	_, err := db.DB().ExecContext(t.Context(), table)
	require.NoError(t, err)
	return db
}
