// Package ours is this project's two modules as a user of them writes it:
// ordinary Bun code on the request's session, the tables from the models.
package ours

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/uptrace/bun"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/httpmodule"
)

// Event is the row and its JSON form.
type Event struct {
	bun.BaseModel `bun:"table:events"`

	ID             int64     `json:"id" bun:"id,pk,autoincrement" readOnly:"true"`
	ConversationID string    `json:"conversation_id" bun:"conversation_id,notnull" maxLength:"36"`
	Kind           string    `json:"kind" bun:"kind,notnull" maxLength:"255"`
	Source         string    `json:"source" bun:"source,notnull" maxLength:"255"`
	Body           string    `json:"body" bun:"body,notnull"`
	Cost           float64   `json:"cost" bun:"cost,notnull"`
	Final          bool      `json:"final" bun:"final,notnull"`
	CreatedAt      time.Time `json:"created_at" bun:"created_at,notnull"`
}

// Serve is a [contract.ServeFunc] with plain Echo handlers.
func Serve(ctx context.Context, c contract.Config, ready contract.ReadyFunc) error {
	return serve(ctx, c, ready, httpmodule.AsRoutes(plainRoutes))
}

// ServeTyped is a [contract.ServeFunc] with typed handlers, which are
// validated and documented.
func ServeTyped(ctx context.Context, c contract.Config, ready contract.ReadyFunc) error {
	return serve(ctx, c, ready, httpmodule.AsRoutes(typedRoutes))
}

// ServeAutocommit is a [contract.ServeFunc] with plain Echo handlers whose
// insert is stored by itself, as the others' are.
func ServeAutocommit(ctx context.Context, c contract.Config, ready contract.ReadyFunc) error {
	return serve(ctx, c, ready, httpmodule.AsRoutes(func(sessions *dbmodule.SessionFactory) httpmodule.Routes {
		return plainRoutes(sessions.With(dbmodule.Autocommit()))
	}))
}

func serve(ctx context.Context, c contract.Config, ready contract.ReadyFunc, routes fx.Option) error {
	database, web := dbmodule.DefaultConfig(), httpmodule.DefaultConfig()
	var err error
	if database.URL, err = dbmodule.ParseURL(c.Database()); err != nil {
		return err
	}
	database.PoolSize, database.MaxOverflow = c.Pool, 0
	web.Port = 0
	var server *httpmodule.Server
	application := fx.New(
		dbmodule.Module, autogen.Module, httpmodule.Module,
		dbmodule.Models((*Event)(nil)), routes,
		fx.Supply(database, web, httpmodule.Info{Title: "Events"}),
		fx.Provide(newLogger), fx.NopLogger, fx.Populate(&server),
	)
	if err := application.Start(ctx); err != nil {
		return fmt.Errorf("ours: start: %w", err)
	}
	ready(server.Addr())
	select {
	case <-ctx.Done():
	case signal := <-application.Wait():
		err = fmt.Errorf("ours: ended by itself with code %d", signal.ExitCode)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(err, application.Stop(stopping))
}

// newLogger leaves out the line per request that the others don't write
// either.
func newLogger() (*zap.Logger, error) {
	config := zap.NewProductionConfig()
	config.Level.SetLevel(zap.WarnLevel)
	return config.Build()
}

func plainRoutes(sessions *dbmodule.SessionFactory) httpmodule.Routes {
	return func(e *echo.Echo, _ huma.API) {
		e.GET("/events/:id", func(c echo.Context) error {
			id, err := strconv.ParseInt(c.Param("id"), 10, 64)
			if err != nil {
				return echo.ErrBadRequest
			}
			event, err := find(c.Request().Context(), sessions, id)
			if err != nil {
				return err
			}
			return c.JSON(http.StatusOK, event)
		})
		e.GET("/events", func(c echo.Context) error {
			after, err := strconv.ParseInt(c.QueryParam("after"), 10, 64)
			if err != nil {
				return echo.ErrBadRequest
			}
			events, err := page(c.Request().Context(), sessions, after)
			if err != nil {
				return err
			}
			return c.JSON(http.StatusOK, events)
		})
		e.POST("/events", func(c echo.Context) error {
			var event Event
			if err := c.Bind(&event); err != nil {
				return err
			}
			if err := store(c.Request().Context(), sessions, &event); err != nil {
				return err
			}
			return c.JSON(http.StatusCreated, &event)
		})
	}
}

func typedRoutes(sessions *dbmodule.SessionFactory) httpmodule.Routes {
	type one struct{ Body Event }
	type many struct{ Body []Event }
	return func(_ *echo.Echo, api huma.API) {
		huma.Get(api, "/events/{id}", func(ctx context.Context, in *struct {
			ID int64 `path:"id"`
		},
		) (*one, error) {
			event, err := find(ctx, sessions, in.ID)
			if err != nil {
				return nil, err
			}
			return &one{Body: *event}, nil
		})
		huma.Get(api, "/events", func(ctx context.Context, in *struct {
			After int64 `query:"after"`
		},
		) (*many, error) {
			events, err := page(ctx, sessions, in.After)
			return &many{Body: events}, err
		})
		huma.Register(api, huma.Operation{
			Method: http.MethodPost, Path: "/events", DefaultStatus: http.StatusCreated,
		}, func(ctx context.Context, in *one) (*one, error) {
			return in, store(ctx, sessions, &in.Body)
		})
	}
}

func find(ctx context.Context, sessions *dbmodule.SessionFactory, id int64) (*Event, error) {
	event := new(Event)
	err := httpmodule.Session(ctx, sessions).NewSelect().Model(event).Where("id = ?", id).Scan(ctx)
	event.CreatedAt = event.CreatedAt.UTC()
	return event, err
}

func page(ctx context.Context, sessions *dbmodule.SessionFactory, after int64) ([]Event, error) {
	events := make([]Event, 0, contract.PageSize)
	err := httpmodule.Session(ctx, sessions).NewSelect().Model(&events).
		Where("id > ?", after).Order("id").Limit(contract.PageSize).Scan(ctx)
	for i := range events {
		events[i].CreatedAt = events[i].CreatedAt.UTC()
	}
	return events, err
}

func store(ctx context.Context, sessions *dbmodule.SessionFactory, event *Event) error {
	event.ID = 0
	_, err := httpmodule.Session(ctx, sessions).NewInsert().Model(event).Exec(ctx)
	return err
}
