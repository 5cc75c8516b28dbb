package scale

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/httpmodule"
)

// openDatabase opens a database with the server's models. With a log, it tells
// all statements to it.
func openDatabase(ctx context.Context, c contract.Config, log *zap.Logger) (*dbmodule.Database, error) {
	cfg := dbmodule.DefaultConfig()
	var err error
	if cfg.URL, err = dbmodule.ParseURL(c.Database()); err != nil {
		return nil, err
	}
	cfg.PoolSize, cfg.MaxOverflow, cfg.StatementTimeout = c.Pool, 0, 10*time.Minute
	if log != nil {
		cfg.Echo = dbmodule.EchoOn
	}
	db, err := dbmodule.Open(cfg, log,
		dbmodule.WithModels((*conversations.Conversation)(nil), (*conversations.Tag)(nil), (*refused.Delivery)(nil), (*events.Event)(nil), (*events.Tally)(nil)),
		dbmodule.WithTables(autogen.NewTables()))
	if err != nil {
		return nil, err
	}
	if err := db.Connect(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// server is the server's routes in this process, without a network in between.
type server struct {
	db      *dbmodule.Database
	handler http.Handler
	// asked is how many requests were sent.
	asked atomic.Int64
}

func openServer(ctx context.Context, c contract.Config, log *zap.Logger) (*server, error) {
	db, err := openDatabase(ctx, c, log)
	if err != nil {
		return nil, err
	}
	sessions := db.Sessions()
	stored, err := conversations.NewStore(sessions)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	eventStore, err := events.NewStore(sessions, stored)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	cfg := httpmodule.DefaultConfig()
	cfg.RequestTimeout = 10 * time.Minute
	handler, err := httpmodule.New(cfg, httpmodule.Info{Title: "Scale"}, zap.NewNop(), db,
		conversations.NewRoutes(sessions, stored, eventStore, conversations.NewDeleter(sessions, stored, eventStore)),
		events.NewRoutes(sessions, eventStore, stored, zap.NewNop()),
		webhooks.NewRoutes(sessions, stored, eventStore, refused.NewStore(), zap.NewNop()),
	)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &server{db: db, handler: handler}, nil
}

func (s *server) close() error { return s.db.Close() }

// do sends a request and returns the body of the answer.
func (s *server) do(ctx context.Context, r request) ([]byte, error) {
	request := httptest.NewRequestWithContext(ctx, r.method, r.path, bytes.NewReader(r.body))
	request.Header.Set("Content-Type", "application/json")
	// Each comes from an address of its own: an address may not ask often for what is shared.
	request.RemoteAddr = fmt.Sprintf("[2001:db8:%x::1]:1000", s.asked.Add(1)&0xffff)
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	if answer.Code >= http.StatusBadRequest {
		return nil, fmt.Errorf("scale: %s %s: status %d: %.300s", r.method, r.path, answer.Code, answer.Body)
	}
	return answer.Body.Bytes(), nil
}
