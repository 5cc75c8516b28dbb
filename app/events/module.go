// Package events stores the events of conversations byte for byte, and serves them in two formats: the agent
// server's below /api/conversations/{id}/events, and the app server's below
// /api/v1/conversation/{id}/events.
package events

import (
	"go.uber.org/fx"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Module adds the models, the [Store], also as the conversations' recorder, and
// the routes. It needs a [Publisher], which package live provides.
var Module = fx.Module("events",
	dbmodule.Models((*Event)(nil), (*Tally)(nil)),
	fx.Provide(
		NewPublishing,
		func(s *Store) conversations.Recorder { return s },
	),
	httpmodule.AsRoutes(NewRoutes),
)
