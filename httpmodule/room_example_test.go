package httpmodule_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// words reads texts from the database, and keeps them in memory where room has some.
func words(ctx context.Context, sessions *dbmodule.SessionFactory, room *httpmodule.Room) (found []string, err error) {
	err = room.Read(ctx, func() error {
		found = nil
		return sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			rows, err := s.QueryContext(ctx, "SELECT 'large' UNION ALL SELECT 'texts'")
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var word string
				if err := rows.Scan(&word); err != nil {
					return err
				}
				if room.Add(len(word)) {
					found = append(found, word)
				}
			}
			return rows.Err()
		}, dbmodule.ReadOnly())
	})
	return found, err
}

// A page of rows counts in MEMORY_BUDGET before it is kept. Without memory for it, the answer
// is 503 after 10 seconds.
func ExampleNewRoom() {
	serveOnce("/page", func(db *dbmodule.Database, c echo.Context) error {
		ctx := c.Request().Context()
		found, err := words(ctx, db.Sessions(), httpmodule.NewRoom(ctx))
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, found)
	})
	// Output: 200 ["large","texts"]
}

// A download that has begun can't be answered with 503: its pieces wait for memory as long as the
// client does. Each Read gives back what the piece before had.
func ExampleNewPatientRoom() {
	serveOnce("/download", func(db *dbmodule.Database, c echo.Context) error {
		ctx := c.Request().Context()
		room := httpmodule.NewPatientRoom(ctx)
		c.Response().WriteHeader(http.StatusOK)
		for range 2 {
			piece, err := words(ctx, db.Sessions(), room)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprint(c.Response(), piece); err != nil {
				return err
			}
		}
		return nil
	})
	// Output: 200 [large texts][large texts]
}

// serveOnce serves a route and prints what it answers.
func serveOnce(path string, handler func(*dbmodule.Database, echo.Context) error) {
	config := dbmodule.DefaultConfig()
	var err error
	if config.URL, err = dbmodule.ParseURL("sqlite://"); err != nil { // in memory
		log.Fatal(err)
	}
	db, err := dbmodule.Open(config, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{}, nil, db, func(e *echo.Echo, api huma.API) {
		httpmodule.DownloadLimits().Route(api, e.GET(path, func(c echo.Context) error { return handler(db, c) }))
	})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	fmt.Println(w.Code, w.Body)
}
