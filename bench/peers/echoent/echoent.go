// Package echoent is Echo with ent as their documentation shows them.
package echoent

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/peers/echoent/ent"
	"github.com/openhands-go/server/bench/peers/echoent/ent/event"
	"github.com/openhands-go/server/dbmodule"
)

type server struct{ reader, writer *ent.Client }

// Serve is a [contract.ServeFunc].
func Serve(ctx context.Context, c contract.Config, ready contract.ReadyFunc) (err error) {
	pools, err := contract.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close()) }()
	s := &server{
		reader: ent.NewClient(ent.Driver(entsql.OpenDB(dialectOf(c.Engine), pools.Reader))),
		writer: ent.NewClient(ent.Driver(entsql.OpenDB(dialectOf(c.Engine), pools.Writer))),
	}
	e := echo.New()
	e.GET("/events/:id", s.get)
	e.GET("/events", s.list)
	e.POST("/events", s.post)
	return contract.Listen(ctx, e, ready)
}

func dialectOf(engine dbmodule.Engine) string {
	switch engine {
	case dbmodule.PostgreSQL:
		return dialect.Postgres
	case dbmodule.MySQL:
		return dialect.MySQL
	default:
		return dialect.SQLite
	}
}

func (s *server) get(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	found, err := s.reader.Event.Get(c.Request().Context(), id)
	if ent.IsNotFound(err) {
		return echo.ErrNotFound
	}
	if err != nil {
		return err
	}
	found.CreatedAt = found.CreatedAt.UTC()
	return c.JSON(http.StatusOK, found)
}

func (s *server) list(c echo.Context) error {
	after, err := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	events, err := s.reader.Event.Query().Where(event.IDGT(after)).
		Order(event.ByID()).Limit(contract.PageSize).All(c.Request().Context())
	if err != nil {
		return err
	}
	for _, e := range events {
		e.CreatedAt = e.CreatedAt.UTC()
	}
	return c.JSON(http.StatusOK, events)
}

func (s *server) post(c echo.Context) error {
	var e ent.Event
	if err := c.Bind(&e); err != nil {
		return err
	}
	stored, err := s.writer.Event.Create().
		SetConversationID(e.ConversationID).SetKind(e.Kind).SetSource(e.Source).SetBody(e.Body).
		SetCost(e.Cost).SetFinal(e.Final).SetCreatedAt(e.CreatedAt).
		Save(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, stored)
}
