package httpmetrics_test

import (
	"fmt"

	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpmetrics"
)

func ExampleNewRegistry() {
	// It has the process's metrics already; Serve puts it on /metrics.
	registry, err := httpmetrics.NewRegistry(httpmodule.Info{Title: "Books", Version: "1.2.3"})
	if err != nil {
		fmt.Println(err)
		return
	}
	families, err := registry.Gather()
	fmt.Println(len(families) > 0, err)
	// Output: true <nil>
}

func ExampleNewRequests() {
	registry, err := httpmetrics.NewRegistry(httpmodule.Info{})
	if err != nil {
		fmt.Println(err)
		return
	}
	requests, err := httpmetrics.NewRequests(registry)
	if err != nil {
		fmt.Println(err)
		return
	}
	// What a server gets: server.Instrument(requests.Instrument()).
	fmt.Println(requests.Instrument().Middleware != nil)
	// Output: true
}
