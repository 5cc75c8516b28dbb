// Package hand is the measure of all others: net/http and database/sql,
// written by hand, with statements that are prepared once; and the same behind Echo.
package hand

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

const selectColumns = "SELECT id, conversation_id, kind, source, body, cost, final, created_at FROM events "

type server struct {
	engine            dbmodule.Engine
	get, list, insert *sql.Stmt
}

// Serve is a [contract.ServeFunc] with net/http.
func Serve(ctx context.Context, c contract.Config, ready contract.ReadyFunc) error {
	return serve(ctx, c, ready, func(s *server) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /events/{id}", s.getEvent)
		mux.HandleFunc("GET /events", s.listEvents)
		mux.HandleFunc("POST /events", s.postEvent)
		return mux
	})
}

func serve(ctx context.Context, c contract.Config, ready contract.ReadyFunc, routes func(*server) http.Handler) (err error) {
	pools, err := contract.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close()) }()
	s := &server{engine: c.Engine}
	insert := contract.InsertOne(c.Engine)
	if c.Engine == dbmodule.PostgreSQL {
		insert += " RETURNING id"
	}
	mark := contract.Placeholder(c.Engine, 1)
	for _, p := range []struct {
		statement **sql.Stmt
		pool      *sql.DB
		text      string
	}{
		{&s.get, pools.Reader, selectColumns + "WHERE id = " + mark},
		{&s.list, pools.Reader, selectColumns + "WHERE id > " + mark + " ORDER BY id LIMIT " + strconv.Itoa(contract.PageSize)},
		{&s.insert, pools.Writer, insert},
	} {
		if *p.statement, err = p.pool.PrepareContext(ctx, p.text); err != nil {
			return fmt.Errorf("hand: prepare: %w", err)
		}
	}
	return contract.Listen(ctx, routes(s), ready)
}

func (s *server) getEvent(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		http.Error(w, "id", http.StatusBadRequest)
		return
	}
	var e contract.Event
	switch err = s.find(r.Context(), id, &e); {
	case errors.Is(err, sql.ErrNoRows):
		http.Error(w, "no such event", http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		answer(w, http.StatusOK, &e)
	}
}

func (s *server) listEvents(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		http.Error(w, "after", http.StatusBadRequest)
		return
	}
	events, err := s.page(r.Context(), after)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, events)
}

func (s *server) find(ctx context.Context, id int64, e *contract.Event) error {
	return scan(s.get.QueryRowContext(ctx, id), e)
}

func (s *server) page(ctx context.Context, after int64) (_ []contract.Event, err error) {
	rows, err := s.list.QueryContext(ctx, after)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	events := make([]contract.Event, 0, contract.PageSize)
	for rows.Next() {
		events = append(events, contract.Event{})
		if err := scan(rows, &events[len(events)-1]); err != nil {
			return nil, err
		}
	}
	return events, rows.Err()
}

func (s *server) postEvent(w http.ResponseWriter, r *http.Request) {
	var e contract.Event
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.store(r.Context(), &e); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusCreated, &e)
}

func (s *server) store(ctx context.Context, e *contract.Event) error {
	args := []any{e.ConversationID, e.Kind, e.Source, e.Body, e.Cost, e.Final, e.CreatedAt}
	if s.engine == dbmodule.PostgreSQL {
		return s.insert.QueryRowContext(ctx, args...).Scan(&e.ID)
	}
	result, err := s.insert.ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	e.ID, err = result.LastInsertId()
	return err
}

func scan(row interface{ Scan(dest ...any) error }, e *contract.Event) error {
	err := row.Scan(&e.ID, &e.ConversationID, &e.Kind, &e.Source, &e.Body, &e.Cost, &e.Final, &e.CreatedAt)
	e.CreatedAt = e.CreatedAt.UTC()
	return err
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody to tell
}
