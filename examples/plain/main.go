// Command plain is an application on dbmodule and httpmodule without fx: plain
// constructors, in the order in which one needs the other.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/program/settings"
)

// Note is something to remember.
type Note struct {
	ID   int64  `json:"id" bun:",pk,autoincrement" readOnly:"true"`
	Text string `json:"text" bun:",notnull" minLength:"1"`
}

type noteBody struct{ Body Note }

type notesBody struct{ Body []Note }

func routes(sessions *dbmodule.SessionFactory) httpmodule.Routes {
	return func(_ *echo.Echo, api huma.API) {
		huma.Post(api, "/notes", func(ctx context.Context, in *noteBody) (*noteBody, error) {
			_, err := httpmodule.Session(ctx, sessions).NewInsert().Model(&in.Body).Exec(ctx)
			return in, err
		})
		huma.Get(api, "/notes", func(ctx context.Context, _ *struct{}) (*notesBody, error) {
			out := &notesBody{Body: []Note{}}
			return out, httpmodule.Session(ctx, sessions).NewSelect().Model(&out.Body).Order("id").Scan(ctx)
		})
	}
}

// run serves until ctx ends. Once it listens it calls ready with the address.
func run(ctx context.Context, cfg dbmodule.Config, web httpmodule.Config, log *zap.Logger, ready func(address string)) (err error) {
	db, err := dbmodule.Open(cfg, log, dbmodule.WithModels((*Note)(nil)), dbmodule.WithTables(autogen.NewTables()))
	if err != nil {
		return err
	}
	// Last opened, first closed: the server drains before its database goes.
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Connect(ctx); err != nil {
		return err
	}
	if err := db.CreateTables(ctx); err != nil {
		return err
	}
	server, err := httpmodule.New(web, httpmodule.Info{Title: "Notes", Version: "1.0.0"}, log, db, routes(db.Sessions()))
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), web.StopTimeout()+time.Second)
		defer cancel()
		err = errors.Join(err, server.Stop(ctx))
	}()
	ready(server.Addr())
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.Failed():
		return err
	}
}

func start() error {
	cfg, web := dbmodule.DefaultConfig(), httpmodule.DefaultConfig()
	var err error
	if cfg.URL, err = dbmodule.ParseURL("sqlite:///./notes.db"); err != nil {
		return err
	}
	if err := settings.Read(&cfg, &web).Err(); err != nil {
		return err
	}
	log, err := zap.NewProduction()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, cfg, web, log, func(string) {})
}

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
