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

// Module adds the routes, and the publisher for packages conversations and events. It needs feed.Module and
// httpstream.Module.
var Module = fx.Module("live",
	feed.AsTopic(Topic), feed.AsTopic(ListTopic),
	fx.Provide(
		NewAnnouncer,
		func(a *Announcer) (conversations.Publisher, events.Publisher) { return a, a },
		NewRooms,
	),
	httpmodule.AsRoutes(NewRoutes),
)

const (
	streamPath = "/api/conversations/{conversation_id}/events/stream"
	listPath   = "/api/conversations/stream"
	param      = "/:conversation_id"
)

// NewRoutes makes the routes. The websockets check the key themselves, because it may come in the first frame.
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
		streams.Route(api, router.GET(listPath, h.listStream))
		api.OpenAPI().AddOperation(&huma.Operation{
			OperationID: "stream-conversations", Method: http.MethodGet, Path: listPath, Tags: []string{"Conversations"},
			Summary: "Follow the list of conversations",
			Description: "An endless stream of server-sent events. created and changed contain the conversation as in listings, deleted contains its id. " +
				"sync comes first, and whenever changes may have been missed: read the list then. " +
				"The stream follows the 500 conversations that changed last: it does not report the deletion of others.",
			Responses: eventStream(),
		})
		api.OpenAPI().AddOperation(&huma.Operation{
			OperationID: "stream-events", Method: http.MethodGet, Path: streamPath, Tags: []string{"Events"},
			Summary: "Follow a conversation's events",
			Description: "An endless stream of server-sent events. The id is the event's number in the conversation, from 0, " +
				"and the data is the event, byte for byte. A client that reconnects sends the last id in Last-Event-ID and gets the later events. " +
				"Events that are not stored, such as token deltas, have the name transient and no id.",
			Parameters: []*huma.Param{
				{Name: "conversation_id", In: "path", Required: true, Description: "UUID, as 32 hex digits or dashed", Schema: &huma.Schema{Type: huma.TypeString}},
				{Name: "after_seq", In: "query", Description: "Begin after the event of this number, -1 for the first; without it, with what is yet to come", Schema: &huma.Schema{Type: huma.TypeInteger}},
				{Name: "Last-Event-ID", In: "header", Description: "The same, as browsers send it", Schema: &huma.Schema{Type: huma.TypeString}},
			},
			Responses: eventStream(),
			Errors:    []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		})
	}
}

func eventStream() map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
}
