// Package webhooks stores the conversations and events that agent servers push. Their
// OH_WEBHOOKS_0_BASE_URL is this server's address followed by /api/v1/webhooks.
package webhooks

import (
	"go.uber.org/fx"

	"github.com/openhands-go/server/httpmodule"
)

// Module adds the routes. The stores come from packages conversations and events.
var Module = fx.Module("webhooks", httpmodule.AsRoutes(NewRoutes))
