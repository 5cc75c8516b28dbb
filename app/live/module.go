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

// Module adds the routes, and who publishes what conversations and events change. It needs feed.Module and httpstream.Module.
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
		streams.Route(api, router.GET(listPath, h.listStream))
		api.OpenAPI().AddOperation(&huma.Operation{
			OperationID: "stream-conversations", Method: http.MethodGet, Path: listPath, Tags: []string{"Conversations"},
			Summary: "Follow the list of conversations",
			Description: "A stream of server-sent events that does not end. created and changed have the conversation as listings have it, and deleted its id. " +
				"sync comes first, and whenever something may have been missed: read the list then. " +
				"The 500 conversations that changed last are followed; one that is deleted when it is no longer among them is not told of.",
			Responses: eventStream(),
		})
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
