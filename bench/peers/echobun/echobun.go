// Package echobun is Echo with Bun as their documentation shows them.
package echobun

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

// Event is the row and its JSON form.
type Event struct {
	bun.BaseModel `bun:"table:events"`

	ID             int64     `json:"id" bun:"id,pk,autoincrement"`
	ConversationID string    `json:"conversation_id" bun:"conversation_id,notnull"`
	Kind           string    `json:"kind" bun:"kind,notnull"`
	Source         string    `json:"source" bun:"source,notnull"`
	Body           string    `json:"body" bun:"body,notnull"`
	Cost           float64   `json:"cost" bun:"cost,notnull"`
	Final          bool      `json:"final" bun:"final,notnull"`
	CreatedAt      time.Time `json:"created_at" bun:"created_at,notnull"`
}

type server struct{ reader, writer *bun.DB }

// Serve is a [contract.ServeFunc].
func Serve(ctx context.Context, c contract.Config, ready contract.ReadyFunc) (err error) {
	pools, err := contract.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close()) }()
	s := &server{reader: bun.NewDB(pools.Reader, dialect(c.Engine)), writer: bun.NewDB(pools.Writer, dialect(c.Engine))}
	e := echo.New()
	e.GET("/events/:id", s.get)
	e.GET("/events", s.list)
	e.POST("/events", s.post)
	return contract.Listen(ctx, e, ready)
}

func dialect(engine dbmodule.Engine) schema.Dialect {
	switch engine {
	case dbmodule.PostgreSQL:
		return pgdialect.New()
	case dbmodule.MySQL:
		return mysqldialect.New()
	default:
		return sqlitedialect.New()
	}
}

func (s *server) get(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	var event Event
	err = s.reader.NewSelect().Model(&event).Where("id = ?", id).Scan(c.Request().Context())
	if errors.Is(err, sql.ErrNoRows) {
		return echo.ErrNotFound
	}
	if err != nil {
		return err
	}
	event.CreatedAt = event.CreatedAt.UTC()
	return c.JSON(http.StatusOK, &event)
}

func (s *server) list(c echo.Context) error {
	after, err := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	events := make([]Event, 0, contract.PageSize)
	err = s.reader.NewSelect().Model(&events).Where("id > ?", after).Order("id").
		Limit(contract.PageSize).Scan(c.Request().Context())
	if err != nil {
		return err
	}
	for i := range events {
		events[i].CreatedAt = events[i].CreatedAt.UTC()
	}
	return c.JSON(http.StatusOK, events)
}

func (s *server) post(c echo.Context) error {
	var event Event
	if err := c.Bind(&event); err != nil {
		return err
	}
	event.ID = 0
	if _, err := s.writer.NewInsert().Model(&event).Exec(c.Request().Context()); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, &event)
}
