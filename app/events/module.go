// Package events stores the events of conversations byte for byte and serves
// them below /api/conversations/{id}/events, as agent servers do, and below
// /api/v1/conversation/{id}/events, as OpenHands' app server does.
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
