// Package app composes dbmodule, httpmodule and the features into OpenHands
// Server, and gives it its command line.
package app

import (
	"context"
	"io"
	"runtime/debug"

	"go.uber.org/fx"

	"github.com/openhands-go/server/app/compat"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/live"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
	"github.com/openhands-go/server/httpmodule/program"
	"github.com/openhands-go/server/migrations"
)

// version is the version of builds that are not a tagged release.
const version = "0.1.0"

// Main runs the command line args, without the program's name, and returns the process's
// exit code: see [program.Program.Run].
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return Server().Run(ctx, args, stdin, stdout, stderr)
}

// Server is the whole server.
//
//	Config ─┬─ dbmodule.Config ──── dbmodule ── *Database, *SessionFactory
//	        │   migrations ── Migrator ─────┤             │
//	        │      autogen ── TableManager ─┘             │
//	        └─ httpmodule.Config ──────── httpmodule ─────┤
//	           features: models ── dbmodule, routes ┘     │
//	                     stores ──────────────────────────┘
func Server() program.Program {
	cfg := DefaultConfig()
	p := program.Program{
		Name:    "openhands-server",
		Title:   "OpenHands Server",
		Version: version,
		Short:   "Store agent conversations and events, and serve OpenHands' HTTP routes",
		Long: "Stores agent conversations and events in SQLite, PostgreSQL, MySQL or MariaDB and\n" +
			"serves OpenHands' HTTP routes.",
		// Without it, the default would be openhands-server.db.
		DatabaseURL: dbmodule.DefaultConfig().URL,
		Revisions:   func(tell func(string)) []migrate.Source { return []migrate.Source{migrations.Source(tell)} },
		Settings:    []any{&cfg},
		Complete:    cfg.complete,
		Models:      models(),
		Options: fx.Options(
			fx.Provide(func(cfg Config) (events.Config, feed.Config, httpstream.Config) {
				return cfg.Events, cfg.Feed, cfg.Streams
			}),
			fx.Decorate(info, withGate),
			compat.Module,
			conversations.Module,
			events.Module,
			feed.Module,
			httpstream.Module,
			live.Module,
			refused.Module,
			webhooks.Module,
		),
	}
	p.Serving = func() fx.Option { return cfg.observers(p) }
	return p
}

// models returns the features' models, for commands that compare them with a database.
func models() []any {
	return []any{(*conversations.Conversation)(nil), (*conversations.Tag)(nil), (*events.Event)(nil), (*events.Tally)(nil), (*refused.Delivery)(nil)}
}

// description is the first text of the API's documentation.
const description = `Stores the conversations and events that agent servers push, and serves them to OpenHands' clients.

To see it work, execute the example of **Take a conversation's state** and then that of **Take a batch of events**: both are of
the conversation that the other examples name. If the server has a key, enter it at *Authorize* first.`

// info adds the members that agent servers have in /server_info.
func info(cfg Config, i httpmodule.Info) httpmodule.Info {
	build, _ := debug.ReadBuildInfo()
	i.Description = description
	i.Members = compat.Info(cfg.AgentServerVersion, i.Version, build)
	return i
}
