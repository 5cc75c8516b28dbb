package live

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/fx"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// Module adds the routes, and the events' publisher. It needs feed.Module and httpstream.Module.
var Module = fx.Module("live",
	feed.AsTopic(Topic),
	fx.Provide(
		NewAnnouncer,
		func(a *Announcer) events.Publisher { return a },
		NewRooms,
	),
	httpmodule.AsRoutes(NewRoutes),
)

// Topic is the feed's topic for conversations.
func Topic(c *conversations.Store) feed.Topic { return feed.Topic{Name: topic, Versions: c.Numbered} }

const (
	streamPath = "/api/conversations/{conversation_id}/events/stream"
	param      = "/:conversation_id"
)

// NewRoutes makes the routes. Those of websockets ask for the key themselves, as it may come in the
// first frame.
func NewRoutes(
	rooms *Rooms, streams *httpstream.Streams, sessions *dbmodule.SessionFactory, e *events.Store, c *conversations.Store,
) httpmodule.Routes {
	h := &handlers{rooms: rooms, streams: streams, sessions: sessions, events: e, conversations: c}
	return func(router *echo.Echo, api huma.API) {
		for path, handler := range map[string]echo.HandlerFunc{
			"/sockets/events" + param: h.eventsSocket, "/sockets/session" + param: h.sessionSocket,
		} {
			httpmodule.WithoutKey(api, streams.Route(api, router.GET(path, handler)))
		}
		streams.Route(api, router.GET("/api/conversations"+param+"/events/stream", h.stream))
		api.OpenAPI().AddOperation(&huma.Operation{
			OperationID: "stream-events", Method: http.MethodGet, Path: streamPath, Tags: []string{"Events"},
			Summary: "Follow a conversation's events",
			Description: "A stream of server-sent events that does not end. The id of each is the event's number in the conversation, from 0, " +
				"and its data the event as it came. A client that comes back names the last id in Last-Event-ID and gets what came after it. " +
				"What is not stored, as pieces of messages, comes with the name transient and without an id.",
			Parameters: []*huma.Param{
				{Name: "conversation_id", In: "path", Required: true, Description: "UUID, as 32 hex digits or dashed", Schema: &huma.Schema{Type: huma.TypeString}},
				{Name: "after_seq", In: "query", Description: "Begin after the event of this number, -1 for the first; without it, with what is yet to come", Schema: &huma.Schema{Type: huma.TypeInteger}},
				{Name: "Last-Event-ID", In: "header", Description: "The same, as browsers send it", Schema: &huma.Schema{Type: huma.TypeString}},
			},
			Responses: map[string]*huma.Response{"200": {
				Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}},
			Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		})
	}
}
