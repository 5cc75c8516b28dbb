// Package app composes dbmodule, httpmodule and the features into OpenHands
// Server, and gives it its command line. It is the only package that reads the
// environment.
package app

import (
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app/compat"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/migrations"
)

// Module is the whole server. It needs a [Config] and a *zap.Logger in the
// graph, and serves from the application's start to its stop.
//
//	Config ─┬─ dbmodule.Config ──── dbmodule ── *Database, *SessionFactory
//	        │   migrations ── Migrator ─────┤             │
//	        │      autogen ── TableManager ─┘             │
//	        └─ httpmodule.Config ──────── httpmodule ─────┤
//	           features: models ── dbmodule, routes ┘     │
//	                     stores ──────────────────────────┘
var Module = fx.Module("app",
	fx.Provide(
		func(cfg Config) (dbmodule.Config, events.Config) { return cfg.Database, cfg.Events },
		Config.http,
		info,
	),
	fx.Supply(build()),
	dbmodule.Module,
	autogen.Module,
	migrate.Module,
	fx.Provide(fx.Annotate(revisions, fx.ResultTags(`group:"dbmodule.revisions"`))),

	httpmodule.Module,
	compat.Module,
	conversations.Module,
	events.Module,
	refused.Module,
	webhooks.Module,
)

// revisions are the server's own; what they tell goes to the log. It stands in the group of
// migrate.Revisions, which takes no constructor.
func revisions(log *zap.Logger) migrate.Source {
	return migrations.Source(func(text string) { log.Info(text) })
}
