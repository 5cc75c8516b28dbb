package httpstream_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// A stream of events that ends by itself.
func ExampleNew() {
	streams, err := httpstream.New(httpstream.DefaultConfig(), zap.NewNop())
	if err != nil {
		log.Fatal(err)
	}
	routes := func(e *echo.Echo, api huma.API) {
		streams.Route(api, e.GET("/count", streams.Events(func(_ context.Context, w *httpstream.EventWriter) error {
			for i := range 3 {
				if err := w.Send(fmt.Sprint(i), "", fmt.Append(nil, "number ", i)); err != nil {
					return err
				}
			}
			return nil
		})))
	}
	db, err := dbmodule.Open(dbmodule.DefaultConfig(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{}, nil, db, routes)
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/count", nil))
	fmt.Printf("%q\n", w.Body)
	// Output: ":\n\nid: 0\ndata: number 0\n\nid: 1\ndata: number 1\n\nid: 2\ndata: number 2\n\n"
}

// A queue never makes the sender wait: whoever reads too slowly is told.
func ExampleNewQueue() {
	queue := httpstream.NewQueue[string](2, 1000)
	fmt.Println(queue.Put("a", 1), queue.Put("b", 1), queue.Put("c", 1))
	fmt.Println(queue.Take())
	// Output:
	// true true false
	// [a b] true
}
