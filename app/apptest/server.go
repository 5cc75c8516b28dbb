// Package apptest serves the application's routes to tests, on every engine.
package apptest

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app/compat"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/live"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// Server is the application's routes on an empty database.
type Server struct {
	DB            *dbmodule.Database
	Sessions      *dbmodule.SessionFactory
	Conversations *conversations.Store
	Events        *events.Store
	// Feed notifies only this process until it is started.
	Feed    *feed.Feed
	Streams *httpstream.Streams

	handler http.Handler
}

// New creates the tables in the database of cfg, and makes a server on it, until the test ends. change may
// change the HTTP server's settings.
func New(t testing.TB, cfg dbmodule.Config, change ...func(*httpmodule.Config)) *Server {
	t.Helper()
	return NewPolling(t, cfg, 50*time.Millisecond, change...)
}

// NewPolling is New with this poll interval for the feed, on engines where the feed polls.
func NewPolling(t testing.TB, cfg dbmodule.Config, interval time.Duration, change ...func(*httpmodule.Config)) *Server {
	t.Helper()
	// The machine may be busy, and no test here is about timeouts.
	cfg.PoolTimeout, cfg.StatementTimeout = 5*time.Minute, 5*time.Minute
	db := dbtest.Open(t, cfg,
		dbmodule.WithModels((*conversations.Conversation)(nil), (*conversations.Tag)(nil), (*events.Event)(nil), (*events.Tally)(nil), (*refused.Delivery)(nil)),
		dbmodule.WithTables(autogen.NewTables()))
	require.NoError(t, db.CreateTables(t.Context()))
	f, err := feed.New(feed.Config{PollInterval: interval}, nil, db, live.Topic(), live.ListTopic())
	require.NoError(t, err)
	announcer := live.NewAnnouncer(f)
	sessions := db.Sessions()
	c, err := conversations.NewPublishing(sessions, announcer)
	require.NoError(t, err)
	e, err := events.NewPublishing(sessions, c, events.Config{Packing: true}, announcer)
	require.NoError(t, err)
	streams, err := httpstream.New(httpstream.DefaultConfig(), nil)
	require.NoError(t, err)
	cfgHTTP := httpmodule.DefaultConfig()
	cfgHTTP.RequestTimeout = cfg.PoolTimeout
	for _, fn := range change {
		fn(&cfgHTTP)
	}
	members := compat.Info(compat.AgentServerVersion, "1.0.0", nil)
	handler, err := httpmodule.New(cfgHTTP, httpmodule.Info{Title: "Test", Version: "1.0.0", Members: members},
		zap.NewNop(), db,
		compat.Routes,
		conversations.NewRoutes(sessions, c, e, conversations.NewDeleter(sessions, c, e)),
		events.NewRoutes(sessions, e, c, zap.NewNop()),
		webhooks.NewRoutes(sessions, c, e, refused.NewStore(), zap.NewNop()),
		live.NewRoutes(live.NewRooms(f, e, c, zap.NewNop()), streams, sessions, e, c),
	)
	require.NoError(t, err)
	compat.Root(handler)
	return &Server{DB: db, Sessions: sessions, Conversations: c, Events: e, Feed: f, Streams: streams, handler: handler}
}

// Listen starts the feed and serves the routes on a free port of the loopback interface, which it
// returns as http://host:port, until the test ends.
func (s *Server) Listen(t testing.TB) string {
	t.Helper()
	require.NoError(t, s.Feed.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Feed.Close()) })
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	return server.URL
}

// Each runs fn on every engine, in parallel.
func Each(t *testing.T, fn func(t *testing.T, s *Server)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) { fn(t, New(t, cfg)) })
}

// Answer is a response.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request, without a body if body is "". headers alternate between names and values.
func (s *Server) Do(t testing.TB, method, path, body string, headers ...string) Answer {
	t.Helper()
	return s.DoWithin(t.Context(), method, path, body, headers...)
}

// Serve answers a request with the test's own http.ResponseWriter.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// DoWithin is Do for a client that leaves when ctx ends.
func (s *Server) DoWithin(ctx context.Context, method, path, body string, headers ...string) Answer {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(ctx, method, path, reader)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.serve(r)
}

// GetFrom sends a GET request from an IP address: routes without a key have a rate limit for each address.
func (s *Server) GetFrom(t testing.TB, address, path string) Answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.RemoteAddr = net.JoinHostPort(address, "1000")
	return s.serve(r)
}

func (s *Server) serve(r *http.Request) Answer {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return Answer{Status: w.Code, Header: w.Header(), Body: w.Body.String()}
}

// JSON sends a request, expects status and decodes the answer into a T.
func JSON[T any](t testing.TB, s *Server, method, path, body string, status int) T {
	t.Helper()
	answer := s.Do(t, method, path, body)
	require.Equal(t, status, answer.Status, "%s %s: %s", method, path, answer.Body)
	require.Contains(t, answer.Header.Get("Content-Type"), "application/json")
	var value T
	require.NoError(t, json.Unmarshal([]byte(answer.Body), &value), answer.Body)
	return value
}

// Page is a page of T.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextPageID *string `json:"next_page_id"`
}
