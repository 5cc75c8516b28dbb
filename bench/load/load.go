// Package load sends requests from many connections at once and counts them.
package load

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/openhands-go/server/bench/contract"
)

// Route is one of the three routes under load.
type Route string

// The routes, in the order of the table's columns.
const (
	Get  Route = "get"
	List Route = "list"
	Post Route = "post"
)

// Routes lists the routes.
func Routes() []Route { return []Route{Get, List, Post} }

// Target is what is put under load.
type Target struct {
	// Addr is host:port.
	Addr string
	// Rows is how many events the table had at first: ids are drawn from them.
	Rows int64
	// Connections is how many clients ask at the same time, each on one
	// connection that it keeps.
	Connections int
}

// Result is what came of it.
type Result struct {
	Requests int64
	Elapsed  time.Duration
	// Median and P99 are of the time that a client waited.
	Median, P99 time.Duration
}

// PerSecond is the rate.
func (r Result) PerSecond() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// Run sends requests to a route for a while. The first answer that is not the
// expected one ends it with an error.
func (t Target) Run(route Route, d time.Duration) (Result, error) {
	client := &fasthttp.HostClient{Addr: t.Addr, MaxConns: t.Connections, ReadTimeout: time.Minute}
	defer client.CloseIdleConnections()
	body, err := postBody()
	if err != nil {
		return Result{}, err
	}
	var (
		wait    sync.WaitGroup
		stopped atomic.Bool
		mu      sync.Mutex
		all     []time.Duration
		failure error
	)
	began := time.Now()
	for range t.Connections {
		wait.Go(func() {
			waits, err := t.client(client, route, body, began.Add(d), &stopped)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, waits...)
			if err != nil && failure == nil {
				failure = err
				stopped.Store(true)
			}
		})
	}
	wait.Wait()
	if failure != nil {
		return Result{}, failure
	}
	result := Result{Requests: int64(len(all)), Elapsed: time.Since(began)}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	if n := len(all); n > 0 {
		result.Median, result.P99 = all[n/2], all[n*99/100]
	}
	return result, nil
}

func (t Target) client(client *fasthttp.HostClient, route Route, body []byte, end time.Time, stopped *atomic.Bool) ([]time.Duration, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	want := http.StatusOK
	if route == Post {
		want = http.StatusCreated
		request.Header.SetMethod(http.MethodPost)
		request.Header.SetContentType("application/json")
		request.SetBody(body)
	}
	base := "http://" + t.Addr + "/events"
	var waits []time.Duration
	for !stopped.Load() {
		switch id := rand.Int64N(t.Rows); route {
		case Get:
			request.SetRequestURI(base + "/" + strconv.FormatInt(1+id, 10))
		case List:
			request.SetRequestURI(base + "?after=" + strconv.FormatInt(max(id-contract.PageSize, 0), 10))
		case Post:
			request.SetRequestURI(base)
		}
		began := time.Now()
		if began.After(end) {
			break
		}
		if err := client.Do(request, response); err != nil {
			return waits, fmt.Errorf("load: %s: %w", route, err)
		}
		if got := response.StatusCode(); got != want {
			return waits, fmt.Errorf("load: %s: status %d instead of %d: %.200s", route, got, want, response.Body())
		}
		waits = append(waits, time.Since(began))
	}
	return waits, nil
}

func postBody() ([]byte, error) {
	event := contract.Sample(1)
	event.ID = 0
	return json.Marshal(event)
}
