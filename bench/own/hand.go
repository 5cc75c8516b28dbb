package own

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

// hand is the same routes on the same tables with Echo and database/sql. What it leaves
// out is what a server checks: it trusts its clients.
type hand struct {
	engine dbmodule.Engine
	pools  contract.Pools

	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

// ServeHand is a [contract.ServeFunc] with statements that are prepared once.
func ServeHand(ctx context.Context, c contract.Config, ready contract.ReadyFunc) (err error) {
	pools, err := contract.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close()) }()
	h := &hand{engine: c.Engine, pools: pools, statements: make(map[string]*sql.Stmt)}
	e := echo.New()
	e.POST("/api/v1/webhooks/events/:id", h.putEvents)
	e.GET("/api/v1/conversation/:id/events/search", h.listEvents)
	e.GET("/api/v1/app-conversations/search", h.listConversations)
	return contract.Listen(ctx, e, ready)
}

// marked is a text with the engine's marks in place of each ?.
func (h *hand) marked(text string) string {
	var marked strings.Builder
	n := 0
	for _, part := range strings.SplitAfter(text, "?") {
		if head, ok := strings.CutSuffix(part, "?"); ok {
			n++
			part = head + contract.Placeholder(h.engine, n)
		}
		marked.WriteString(part)
	}
	return marked.String()
}

func (h *hand) known(text string) *sql.Stmt {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.statements[text]
}

// prepared returns a statement, with ? for each argument in its text.
func (h *hand) prepared(ctx context.Context, pool *sql.DB, text string) (*sql.Stmt, error) {
	if st := h.known(text); st != nil {
		return st, nil
	}
	st, err := pool.PrepareContext(ctx, h.marked(text))
	if err != nil {
		return nil, fmt.Errorf("own: prepare %s: %w", text, err)
	}
	kept := h.keep(text, st)
	if kept == st {
		return st, nil
	}
	// Not while the lock is held. Close waits for a query that runs on the statement's connection. Such
	// a query may wait for a row that another request has locked, and that request for the lock.
	return kept, st.Close()
}

// keep remembers a statement, unless one with its text is known, and returns the one that is known then.
func (h *hand) keep(text string, st *sql.Stmt) *sql.Stmt {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known := h.statements[text]; known != nil {
		return known
	}
	h.statements[text] = st
	return st
}

// work is a transaction of a hand's. Its statements were prepared before, since there may be
// no other connection meanwhile; what was not runs as text.
type work struct {
	*hand
	tx *sql.Tx
}

func (w work) exec(ctx context.Context, text string, args ...any) (err error) {
	if st := w.known(text); st != nil {
		_, err = w.tx.StmtContext(ctx, st).ExecContext(ctx, args...)
	} else {
		_, err = w.tx.ExecContext(ctx, w.marked(text), args...)
	}
	return err
}

func (w work) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if st := w.known(text); st != nil {
		return w.tx.StmtContext(ctx, st).QueryContext(ctx, args...)
	}
	return w.tx.QueryContext(ctx, w.marked(text), args...)
}

type handEvent struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Source    string `json:"source"`
	Timestamp string `json:"timestamp"`
	payload   string
	micros    int64
}

func (h *hand) putEvents(c echo.Context) error {
	var bodies []json.RawMessage
	if err := c.Bind(&bodies); err != nil {
		return err
	}
	batch := make([]handEvent, len(bodies))
	for i, body := range bodies {
		if err := json.Unmarshal(body, &batch[i]); err != nil {
			return echo.ErrUnprocessableEntity
		}
		at, err := time.Parse("2006-01-02T15:04:05.999999", batch[i].Timestamp)
		if err != nil {
			return echo.ErrUnprocessableEntity
		}
		batch[i].payload, batch[i].micros = string(body), at.UnixMicro()
	}
	ctx := c.Request().Context()
	for _, text := range []string{h.lock(), known(len(batch)), insert(len(batch)), h.count(len(countsOf(batch))), advance} {
		if _, err := h.prepared(ctx, h.pools.Writer, text); err != nil {
			return err
		}
	}
	tx, err := h.pools.Writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := (work{h, tx}).store(ctx, c.Param("id"), batch); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]bool{"success": true})
}

func (h *hand) lock() string {
	if h.engine == dbmodule.SQLite {
		return "SELECT numbered FROM conversations WHERE id = ?"
	}
	return "SELECT numbered FROM conversations WHERE id = ? FOR UPDATE"
}

func known(n int) string {
	return "SELECT id FROM events WHERE conversation_id = ? AND id IN " + rows(1, n)
}

func insert(n int) string {
	return "INSERT INTO events (conversation_id, id, kind, source, ts, final, payload, number) VALUES " + rows(n, 8)
}

func (h *hand) count(n int) string {
	text := "INSERT INTO event_counts (conversation_id, kind, source, n) VALUES " + rows(n, 4)
	if h.engine == dbmodule.MySQL {
		return text + " ON DUPLICATE KEY UPDATE n = n + VALUES(n)"
	}
	return text + " ON CONFLICT (conversation_id, kind, source) DO UPDATE SET n = event_counts.n + EXCLUDED.n"
}

const advance = "UPDATE conversations SET event_count = event_count + ?, numbered = ?, updated_at = ?, leaf_event_id = ? WHERE id = ?"

type kindAndSource struct{ kind, source string }

func countsOf(batch []handEvent) map[kindAndSource]int {
	counts := map[kindAndSource]int{}
	for _, e := range batch {
		counts[kindAndSource{e.Kind, e.Source}]++
	}
	return counts
}

// store does for a batch what the server does: it locks the conversation, leaves out what
// is stored, numbers the rest, counts it and moves the conversation on.
func (w work) store(ctx context.Context, id string, batch []handEvent) error {
	numbered, err := w.numbered(ctx, id)
	if err != nil {
		return err
	}
	if batch, err = w.unknown(ctx, id, batch); err != nil || len(batch) == 0 {
		return err
	}
	var args, counted []any
	for i, e := range batch {
		args = append(args, id, e.ID, e.Kind, e.Source, e.micros, false, e.payload, numbered+int64(i))
	}
	if err := w.exec(ctx, insert(len(batch)), args...); err != nil {
		return err
	}
	counts := countsOf(batch)
	for of, n := range counts {
		counted = append(counted, id, of.kind, of.source, n)
	}
	if err := w.exec(ctx, w.count(len(counts)), counted...); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	return w.exec(ctx, advance, len(batch), numbered+int64(len(batch)), now, batch[len(batch)-1].ID, id)
}

// numbered locks a conversation and reads how many events it has.
func (w work) numbered(ctx context.Context, id string) (n int64, err error) {
	found, err := w.query(ctx, w.lock(), id)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	if !found.Next() {
		return 0, errors.Join(found.Err(), sql.ErrNoRows)
	}
	return n, found.Scan(&n)
}

// rows are the marks for the values of an INSERT.
func rows(n, columns int) string {
	row := "(" + strings.Repeat("?, ", columns-1) + "?)"
	return strings.Repeat(row+", ", n-1) + row
}

func (w work) unknown(ctx context.Context, id string, batch []handEvent) (left []handEvent, err error) {
	args := []any{id}
	for _, e := range batch {
		args = append(args, e.ID)
	}
	found, err := w.query(ctx, known(len(batch)), args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	stored := map[string]bool{}
	for found.Next() {
		var id string
		if err := found.Scan(&id); err != nil {
			return nil, err
		}
		stored[id] = true
	}
	for _, e := range batch {
		if !stored[e.ID] {
			left = append(left, e)
		}
	}
	return left, found.Err()
}

type page[T any] struct {
	Items      []T     `json:"items"`
	NextPageID *string `json:"next_page_id"`
}

// query reads a page of up to 100 items.
func query[T any](c echo.Context, h *hand, text string, scan func(*sql.Rows) (T, error), args ...any) (err error) {
	ctx := c.Request().Context()
	st, err := h.prepared(ctx, h.pools.Reader, text)
	if err != nil {
		return err
	}
	found, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	answer := page[T]{Items: make([]T, 0, pageSize)}
	for found.Next() {
		if len(answer.Items) == pageSize {
			next := "next"
			answer.NextPageID = &next
			break
		}
		item, err := scan(found)
		if err != nil {
			return err
		}
		answer.Items = append(answer.Items, item)
	}
	if err := found.Err(); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answer)
}

func (h *hand) listEvents(c echo.Context) error {
	return query(c, h, "SELECT payload FROM events WHERE conversation_id = ? ORDER BY ts, seq LIMIT 101",
		func(row *sql.Rows) (payload json.RawMessage, err error) {
			var text string
			err = row.Scan(&text)
			return json.RawMessage(text), err
		}, c.Param("id"))
}

func (h *hand) listConversations(c echo.Context) error {
	const text = "SELECT id, title, execution_status, workspace, tags, details, pr_numbers, agent_kind, public, accumulated_cost, " +
		"max_budget_per_task, prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, " +
		"context_window, per_turn_token, created_at, updated_at FROM conversations WHERE has_parent = false ORDER BY created_at DESC, id DESC LIMIT 101"
	return query(c, h, text, func(row *sql.Rows) (*conversations.AppInfo, error) {
		var c conversations.Conversation
		err := row.Scan(&c.ID, &c.Title, &c.ExecutionStatus, &c.Workspace, &c.Tags, &c.Details, &c.PRNumbers, &c.AgentKind, &c.Public, &c.AccumulatedCost,
			&c.MaxBudgetPerTask, &c.PromptTokens, &c.CompletionTokens, &c.CacheReadTokens, &c.CacheWriteTokens, &c.ReasoningTokens,
			&c.ContextWindow, &c.PerTurnToken, &c.CreatedAt, &c.UpdatedAt)
		return c.AppInfo(nil), err
	})
}
