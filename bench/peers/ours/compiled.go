package ours

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// ServeCompiled is a [contract.ServeFunc] with plain Echo handlers whose queries are
// compiled at the start, and whose insert is stored by itself.
func ServeCompiled(ctx context.Context, c contract.Config, ready contract.ReadyFunc) error {
	return serve(ctx, c, ready, httpmodule.AsRoutes(compiledRoutes))
}

type byID struct{ ID int64 }

// queries are what the routes ask.
type queries struct {
	sessions  *dbmodule.SessionFactory
	get, list *dbmodule.Compiled[Event, byID]
	insert    *dbmodule.CompiledInsert[Event]
}

func newQueries(sessions *dbmodule.SessionFactory) (q queries, err error) {
	q.sessions = sessions
	if q.get, err = dbmodule.CompileSelect[Event, byID](sessions, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?id") }); err != nil {
		return q, err
	}
	if q.list, err = dbmodule.CompileSelect[Event, byID](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("id > ?id").Order("id").Limit(contract.PageSize)
	}); err != nil {
		return q, err
	}
	q.insert, err = dbmodule.CompileInsert[Event](sessions, func(q *bun.InsertQuery) *bun.InsertQuery { return q })
	return q, err
}

func compiledRoutes(sessions *dbmodule.SessionFactory) (httpmodule.Routes, error) {
	q, err := newQueries(sessions.With(dbmodule.Autocommit()))
	return func(e *echo.Echo, _ huma.API) {
		e.GET("/events/:id", q.getEvent)
		e.GET("/events", q.listEvents)
		e.POST("/events", q.postEvent)
	}, err
}

func (q queries) getEvent(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	ctx := c.Request().Context()
	event, err := q.get.One(ctx, httpmodule.Session(ctx, q.sessions), byID{id})
	if err != nil {
		return err
	}
	event.CreatedAt = event.CreatedAt.UTC()
	return c.JSON(http.StatusOK, event)
}

func (q queries) listEvents(c echo.Context) error {
	after, err := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	ctx := c.Request().Context()
	events, err := q.list.All(ctx, httpmodule.Session(ctx, q.sessions), byID{after})
	for i := range events {
		events[i].CreatedAt = events[i].CreatedAt.UTC()
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, events)
}

func (q queries) postEvent(c echo.Context) error {
	var event Event
	if err := c.Bind(&event); err != nil {
		return err
	}
	event.ID = 0
	ctx := c.Request().Context()
	if _, err := q.insert.Exec(ctx, httpmodule.Session(ctx, q.sessions), &event); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, &event)
}
