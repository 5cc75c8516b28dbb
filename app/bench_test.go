//go:build unix

package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// BenchmarkRoutes measures the routes that are called most, on 200 conversations of which one has
// 200 events: what they allocate, and the time of this process.
func BenchmarkRoutes(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run("engine="+string(engine), func(b *testing.B) {
			s := apptest.New(b, dbtest.Config(b, engine))
			id := func(i int) string { return fmt.Sprintf("0d3ee5a5-5f04-4e7a-9c3b-%012d", i) }
			next := 0
			push := func(conversation, n int) (method, path, body string) {
				events := make([]string, n)
				for i := range events {
					next++
					events[i] = fmt.Sprintf(`{"id":"event-%d","kind":"ActionEvent","source":"agent","timestamp":"2026-01-01T00:00:00.%06d","text":%q}`, next, next%1_000_000, strings.Repeat("x", 500))
				}
				return http.MethodPost, "/api/v1/webhooks/events/" + id(conversation), "[" + strings.Join(events, ",") + "]"
			}
			get := func(path string) func() (string, string, string) {
				return func() (string, string, string) { return http.MethodGet, path, "" }
			}
			do := func(request func() (method, path, body string)) {
				method, path, body := request()
				if answer := s.Do(b, method, path, body); answer.Status != http.StatusOK {
					b.Fatalf("%s %s: %d: %s", method, path, answer.Status, answer.Body)
				}
			}
			do(func() (string, string, string) { return push(0, 200) })
			for i := range 200 {
				do(func() (string, string, string) {
					return http.MethodPost, "/api/v1/webhooks/conversations", fmt.Sprintf(`{"id":%q,"title":"Conversation %d","execution_status":"running","tags":{"a":"b"},"agent":{"kind":"Agent","llm":{"model":"m"}}}`, id(i), i)
				})
			}
			for _, route := range []struct {
				name    string
				request func() (method, path, body string)
			}{
				{"conversation", get("/api/conversations/" + id(7))},
				{"conversations", get("/api/conversations/search")},
				{"app-conversations", get("/api/v1/app-conversations/search")},
				{"event", get("/api/conversations/" + id(0) + "/events/event-7")},
				{"events", get("/api/conversations/" + id(0) + "/events/search")},
				{"some-events", get("/api/conversations/" + id(0) + "/events?ids=event-1&ids=event-2&ids=event-3&ids=event-4&ids=event-5")},
				{"batch", func() (string, string, string) { return push(1, 5) }},
			} {
				b.Run("route="+route.name, func(b *testing.B) {
					for range 20 {
						do(route.request)
					}
					b.ReportAllocs()
					n, before := 0, cpuTime(b)
					for b.Loop() {
						do(route.request)
						n++
					}
					b.ReportMetric(float64(cpuTime(b)-before)/float64(n), "cpu-ns/op")
				})
			}
		})
	}
}

// cpuTime is what this process has used so far, in ns: steadier than the clock on a machine that
// others use.
func cpuTime(b *testing.B) int64 {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}
