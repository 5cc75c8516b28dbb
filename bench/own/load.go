package own

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/openhands-go/server/bench/scale"
)

// Route is one of the routes under load.
type Route string

// The routes, in the order of the table's lines.
const (
	Batches       Route = "webhook batches of 5 events"
	Events        Route = "a page of 100 events"
	Conversations Route = "a page of 100 conversations"
)

// file is the route's part of a file's name.
func (r Route) file() string { return strings.ReplaceAll(string(r), " ", "-") }

const (
	batchSize = 5
	pageSize  = 100
	// receivers is how many conversations get the batches.
	receivers = 50
)

// outcome is what came of a turn.
type outcome struct {
	requests int
	elapsed  time.Duration
	p99      time.Duration
}

func (o outcome) perSecond() float64 { return float64(o.requests) / o.elapsed.Seconds() }

// run has clients send requests for a while, each on a connection of its own. The first
// answer that is not the expected one ends it.
func run(addr string, data scale.Data, route Route, clients int, d time.Duration) (outcome, error) {
	client := &fasthttp.HostClient{Addr: addr, MaxConns: clients, ReadTimeout: time.Minute}
	defer client.CloseIdleConnections()
	var (
		wait    sync.WaitGroup
		stopped atomic.Bool
		mu      sync.Mutex
		all     []time.Duration
		failure error
	)
	began := time.Now()
	for range clients {
		wait.Go(func() {
			waits, err := ask(client, addr, data, route, began.Add(d), &stopped)
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
		return outcome{}, failure
	}
	result := outcome{requests: len(all), elapsed: time.Since(began)}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	if len(all) > 0 {
		result.p99 = all[len(all)*99/100]
	}
	return result, nil
}

func ask(client *fasthttp.HostClient, addr string, data scale.Data, route Route, end time.Time, stopped *atomic.Bool) (waits []time.Duration, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	base := "http://" + addr + "/api/v1/"
	for !stopped.Load() {
		id := scale.ConversationID(1 + rand.Int64N(receivers))
		switch route {
		case Batches:
			request.Header.SetMethod(http.MethodPost)
			request.Header.SetContentType("application/json")
			request.SetRequestURI(base + "webhooks/events/" + id)
			request.SetBody(batch())
		case Events:
			request.SetRequestURI(base + "conversation/" + id + "/events/search?limit=100")
		case Conversations:
			request.SetRequestURI(base + "app-conversations/search?limit=100")
		}
		began := time.Now()
		if began.After(end) {
			break
		}
		if err := client.Do(request, response); err != nil {
			return waits, fmt.Errorf("%s: %w", route, err)
		}
		if err := check(data, route, response); err != nil {
			return waits, err
		}
		waits = append(waits, time.Since(began))
	}
	return waits, nil
}

// check looks whether an answer has what was asked for.
func check(data scale.Data, route Route, response *fasthttp.Response) error {
	body := response.Body()
	count := strings.Count(string(body), `"id":`)
	switch {
	case response.StatusCode() != http.StatusOK:
	case route == Batches && strings.TrimSpace(string(body)) == `{"success":true}`:
		return nil
	case route == Events && count >= pageSize, route == Conversations && int64(count) >= min(pageSize, data.Conversations()):
		return nil
	}
	return fmt.Errorf("%s: status %d, %d items: %.300s", route, response.StatusCode(), count, body)
}

// batch is what an agent server sends of a turn: a message and two steps.
func batch() []byte {
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000000")
	event := func(source, kind, rest string) string {
		return `{"id":"` + uuid.NewString() + `","timestamp":"` + at + `","source":"` + source + `",` + rest + `,"kind":"` + kind + `"}`
	}
	const (
		message = `"llm_message":{"role":"assistant","content":[{"type":"text","text":"I look at the failing test in the parser first."}]},"activated_skills":[]`
		action  = `"thought":[{"type":"text","text":"I run the tests to see what fails."}],"action":{"command":"go test ./parser -run TestLiterals",` +
			`"is_input":false,"timeout":null,"reset":false,"kind":"TerminalAction"},"tool_name":"terminal","tool_call_id":"call_1","security_risk":"LOW"`
	)
	observation := `"tool_name":"terminal","tool_call_id":"call_1","observation":{"content":[{"type":"text","text":"` +
		strings.Repeat("ok  parser 0.012s coverage of statements ", 5) + `"}],"is_error":false,"exit_code":0,"timeout":false,"kind":"TerminalObservation"}`
	all := [batchSize]string{
		event("agent", "MessageEvent", message), event("agent", "ActionEvent", action), event("environment", "ObservationEvent", observation),
		event("agent", "ActionEvent", action), event("environment", "ObservationEvent", observation),
	}
	return []byte("[" + strings.Join(all[:], ",") + "]")
}
