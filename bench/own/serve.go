// Package own measures the server's own routes beside the same routes written by hand:
// batches of events that agent servers push, and pages of events and of conversations.
package own

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// collectorTarget is the default of GC_PERCENT, which program.Program sets.
const collectorTarget = 200

// Serve is a [contract.ServeFunc] with the server's own routes, as the server composes
// them, without those who watch the database.
func Serve(ctx context.Context, c contract.Config, ready contract.ReadyFunc) (err error) {
	debug.SetGCPercent(collectorTarget)
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL(c.Database()); err != nil {
		return err
	}
	cfg.PoolSize, cfg.MaxOverflow = c.Pool, 0
	log, err := warnings()
	if err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Connect(ctx); err != nil {
		return err
	}
	sessions := db.Sessions()
	stored, err := conversations.NewStore(sessions)
	if err != nil {
		return err
	}
	eventStore, err := events.NewStore(sessions, stored)
	if err != nil {
		return err
	}
	web := httpmodule.DefaultConfig()
	web.Port = 0
	server, err := httpmodule.New(web, httpmodule.Info{Title: "Own"}, log, db,
		conversations.NewRoutes(sessions, stored, eventStore, conversations.NewDeleter(sessions, stored, eventStore)),
		events.NewRoutes(sessions, eventStore, stored, log),
		webhooks.NewRoutes(sessions, stored, eventStore, refused.NewStore(), log),
	)
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return fmt.Errorf("own: start: %w", err)
	}
	ready(server.Addr())
	select {
	case <-ctx.Done():
	case err = <-server.Failed():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(err, server.Stop(stopping))
}

// warnings is a log without a line for each request, which the other side has not either.
func warnings() (*zap.Logger, error) {
	config := zap.NewProductionConfig()
	config.Level.SetLevel(zap.WarnLevel)
	return config.Build()
}
