package servertest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/servertest"
)

// routes are those of the application.
func routes() httpmodule.Routes {
	return func(e *echo.Echo, _ huma.API) {
		e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	}
}

// hello is a test. In a program of your own its name is TestHello, so that go test
// runs it.
func hello(t *testing.T) {
	app := servertest.Start(t, dbtest.NewConfig(t, dbmodule.SQLite), httpmodule.AsRoutes(routes))
	res, err := http.Get(app.URL + "/hello")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "hello" {
		t.Error(string(body), err)
	}
}

// Start an application in a test, and send requests to it.
func ExampleStart() {
	_ = []testing.InternalTest{{Name: "TestHello", F: hello}}
}
