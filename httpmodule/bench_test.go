package httpmodule_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// Letter is what the benchmark's requests read and write.
type Letter struct {
	bun.BaseModel `bun:"table:letters"`

	ID        int64     `json:"id" bun:"id,pk,autoincrement"`
	Author    string    `json:"author" bun:"author,notnull,type:varchar(100)"`
	Body      string    `json:"body" bun:"body,notnull"`
	Final     bool      `json:"final" bun:"final,notnull"`
	CreatedAt time.Time `json:"created_at" bun:"created_at,notnull"`
}

const letters = 500

// BenchmarkRequest answers requests by Echo handlers that use the request's
// session, without a network: what is left is this package, dbmodule, Bun and
// the driver. "empty" is a handler without a database.
func BenchmarkRequest(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run("engine="+string(engine), func(b *testing.B) {
			db := dbtest.Open(b, dbtest.Config(b, engine))
			_, err := db.DB().NewCreateTable().Model((*Letter)(nil)).Exec(b.Context())
			require.NoError(b, err)
			rows := make([]Letter, letters)
			for i := range rows {
				rows[i] = letter(i)
			}
			_, err = db.DB().NewInsert().Model(&rows).Exec(b.Context())
			require.NoError(b, err)
			server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{}, nil, db, letterRoutes(db.Sessions()))
			require.NoError(b, err)
			for _, route := range []string{"empty", "get", "list", "post"} {
				b.Run("route="+route, func(b *testing.B) {
					b.ReportAllocs()
					w := &discardResponse{header: http.Header{}}
					for i := 0; b.Loop(); i++ {
						clear(w.header)
						server.ServeHTTP(w, letterRequest(b, route, i))
						if w.status >= 400 {
							b.Fatal(w.status)
						}
					}
				})
			}
		})
	}
}

func letter(i int) Letter {
	return Letter{
		Author: fmt.Sprint("author ", i%50), Body: strings.Repeat("body ", 20), Final: i%2 == 0,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, i*1000, time.UTC),
	}
}

func letterRequest(b *testing.B, route string, i int) *http.Request {
	b.Helper()
	method, path, body := http.MethodGet, "/empty", ""
	switch route {
	case "get":
		path = "/letters/" + strconv.Itoa(1+i%letters)
	case "list":
		path = "/letters?after=" + strconv.Itoa(i%letters)
	case "post":
		method, path, body = http.MethodPost, "/letters", `{"author":"somebody","body":"something","final":true,"created_at":"2026-01-02T03:04:05Z"}`
	}
	r, err := http.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
	require.NoError(b, err)
	r.Header.Set("Content-Type", "application/json")
	return r
}

func letterRoutes(sessions *dbmodule.SessionFactory) httpmodule.Routes {
	return func(e *echo.Echo, _ huma.API) {
		e.GET("/empty", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
		e.GET("/letters/:id", func(c echo.Context) error {
			ctx, found := c.Request().Context(), new(Letter)
			id, err := strconv.ParseInt(c.Param("id"), 10, 64)
			if err != nil {
				return echo.ErrBadRequest
			}
			if err := httpmodule.Session(ctx, sessions).NewSelect().Model(found).Where("id = ?", id).Scan(ctx); err != nil {
				return err
			}
			return c.JSON(http.StatusOK, found)
		})
		e.GET("/letters", func(c echo.Context) error {
			ctx, found := c.Request().Context(), make([]Letter, 0, 50)
			after, err := strconv.ParseInt(c.QueryParam("after"), 10, 64)
			if err != nil {
				return echo.ErrBadRequest
			}
			if err := httpmodule.Session(ctx, sessions).NewSelect().Model(&found).
				Where("id > ?", after).Order("id").Limit(50).Scan(ctx); err != nil {
				return err
			}
			return c.JSON(http.StatusOK, found)
		})
		e.POST("/letters", func(c echo.Context) error {
			ctx, sent := c.Request().Context(), new(Letter)
			if err := c.Bind(sent); err != nil {
				return err
			}
			if _, err := httpmodule.Session(ctx, sessions).NewInsert().Model(sent).Exec(ctx); err != nil {
				return err
			}
			return c.JSON(http.StatusCreated, sent)
		})
	}
}

// discardResponse costs less than what it measures.
type discardResponse struct {
	header http.Header
	status int
}

func (w *discardResponse) Header() http.Header         { return w.header }
func (w *discardResponse) Write(b []byte) (int, error) { return len(b), nil }
func (w *discardResponse) WriteHeader(status int)      { w.status = status }
