package hand

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/bench/contract"
)

// ServeEcho is a [contract.ServeFunc] with Echo before the same SQL.
func ServeEcho(ctx context.Context, c contract.Config, ready contract.ReadyFunc) error {
	return serve(ctx, c, ready, func(s *server) http.Handler {
		e := echo.New()
		e.GET("/events/:id", s.echoGet)
		e.GET("/events", s.echoList)
		e.POST("/events", s.echoPost)
		return e
	})
}

func (s *server) echoGet(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	var e contract.Event
	if err := s.find(c.Request().Context(), id, &e); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return echo.ErrNotFound
		}
		return err
	}
	return c.JSON(http.StatusOK, &e)
}

func (s *server) echoList(c echo.Context) error {
	after, err := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	events, err := s.page(c.Request().Context(), after)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, events)
}

func (s *server) echoPost(c echo.Context) error {
	var e contract.Event
	if err := c.Bind(&e); err != nil {
		return err
	}
	if err := s.store(c.Request().Context(), &e); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, &e)
}
