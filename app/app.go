// Package app composes dbmodule, httpmodule and the features into OpenHands
// Server, and gives it its command line. It is the only package that reads the
// environment.
package app

import (
	"go.uber.org/fx"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/httpmodule"
)

// Module is the whole server. It needs a [Config] and a *zap.Logger in the
// graph, and serves from the application's start to its stop.
//
//	Config ─┬─ dbmodule.Config ──── dbmodule ── *Database, *SessionFactory
//	        │       autogen ── TableManager ┘             │
//	        └─ httpmodule.Config ──────── httpmodule ─────┤
//	           features: models ── dbmodule, routes ┘     │
//	                     stores ──────────────────────────┘
var Module = fx.Module("app", databaseModule, httpmodule.Module)

// databaseModule is the server without its HTTP side: what the db commands
// need. The features' routes are there too, but nothing asks for them.
var databaseModule = fx.Options(
	fx.Provide(
		func(cfg Config) (dbmodule.Config, httpmodule.Config) { return cfg.Database, cfg.HTTP },
		info,
	),
	dbmodule.Module,
	autogen.Module,

	conversations.Module,
	events.Module,
	webhooks.Module,
)
