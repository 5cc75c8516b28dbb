package httpmodule_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// One value gives a plain route and a typed one limits of their own.
func ExampleLimits() {
	uploads := httpmodule.Limits{BodyLimit: 1 << 30, ReadTimeout: httpmodule.NoLimit, RequestTimeout: httpmodule.NoLimit}
	routes := func(e *echo.Echo, api huma.API) {
		uploads.Route(api, e.PUT("/files/:name", func(c echo.Context) error {
			n, err := io.Copy(io.Discard, c.Request().Body)
			if err != nil {
				return err
			}
			return c.String(http.StatusOK, fmt.Sprint(c.Param("name"), " ", n))
		}))
		type input struct {
			RawBody []byte
		}
		huma.Put(api, "/pictures", func(context.Context, *input) (*struct{}, error) {
			return nil, nil
		}, uploads.Operation)
		// What has no end stops with the server.
		httpmodule.StreamLimits().Route(api, e.GET("/news", func(c echo.Context) error {
			<-c.Request().Context().Done()
			return nil
		}))
	}

	db, err := dbmodule.Open(dbmodule.DefaultConfig(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	config := httpmodule.DefaultConfig()
	config.BodyLimit = 1000 // of all other routes
	server, err := httpmodule.New(config, httpmodule.Info{}, nil, db, routes)
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest(http.MethodPut, "/files/a", strings.NewReader(strings.Repeat("x", 5000))))
	fmt.Println(w.Body)
	// Output: a 5000
}
