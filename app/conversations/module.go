// Package conversations stores conversations and serves them in two formats: the agent server's below
// /api/conversations, and the app server's below /api/v1/app-conversations.
package conversations

import (
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Module adds the model, the [Store] and the routes. It needs a [Recorder],
// which package events provides, and a [Publisher], which package live provides.
var Module = fx.Module("conversations",
	dbmodule.Models((*Conversation)(nil), (*Tag)(nil)),
	fx.Provide(NewPublishing, NewDeleter, NewCorrector),
	httpmodule.AsRoutes(NewRoutes),
	fx.Invoke(sweepInBackground),
)
