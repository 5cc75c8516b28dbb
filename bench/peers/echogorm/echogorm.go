// Package echogorm is Echo with GORM, set up as GORM's page about performance
// advises.
package echogorm

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/libtnb/sqlite"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

// Event is the row and its JSON form.
type Event struct {
	ID             int64     `json:"id" gorm:"primaryKey"`
	ConversationID string    `json:"conversation_id"`
	Kind           string    `json:"kind"`
	Source         string    `json:"source"`
	Body           string    `json:"body"`
	Cost           float64   `json:"cost"`
	Final          bool      `json:"final"`
	CreatedAt      time.Time `json:"created_at"`
}

type server struct{ reader, writer *gorm.DB }

// Serve is a [contract.ServeFunc].
func Serve(ctx context.Context, c contract.Config, ready contract.ReadyFunc) (err error) {
	pools, err := contract.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close()) }()
	s := &server{}
	if s.reader, err = open(c.Engine, pools.Reader); err != nil {
		return err
	}
	if s.writer, err = open(c.Engine, pools.Writer); err != nil {
		return err
	}
	e := echo.New()
	e.GET("/events/:id", s.get)
	e.GET("/events", s.list)
	e.POST("/events", s.post)
	return contract.Listen(ctx, e, ready)
}

func open(engine dbmodule.Engine, pool *sql.DB) (*gorm.DB, error) {
	db, err := gorm.Open(dialector(engine, pool), &gorm.Config{
		// GORM's own advice: no transaction around a single insert, and
		// statements prepared once.
		SkipDefaultTransaction: true,
		PrepareStmt:            true,
		Logger:                 logger.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("echogorm: open: %w", err)
	}
	return db, nil
}

func dialector(engine dbmodule.Engine, pool *sql.DB) gorm.Dialector {
	switch engine {
	case dbmodule.PostgreSQL:
		return postgres.New(postgres.Config{Conn: pool})
	case dbmodule.MySQL:
		return mysql.New(mysql.Config{Conn: pool})
	default:
		return sqlite.New(sqlite.Config{Conn: pool})
	}
}

func (s *server) get(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return echo.ErrBadRequest
	}
	var event Event
	err = s.reader.WithContext(c.Request().Context()).Take(&event, "id = ?", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
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
	err = s.reader.WithContext(c.Request().Context()).Where("id > ?", after).Order("id").
		Limit(contract.PageSize).Find(&events).Error
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
	if err := s.writer.WithContext(c.Request().Context()).Create(&event).Error; err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, &event)
}
