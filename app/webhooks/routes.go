package webhooks

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

const (
	tag  = "Webhooks"
	root = "/api/v1/webhooks"
)

type handlers struct {
	sessions      *dbmodule.SessionFactory
	conversations *conversations.Store
	events        *events.Store
}

// NewRoutes makes the routes that agent servers push to.
func NewRoutes(
	sessions *dbmodule.SessionFactory, conversations *conversations.Store, events *events.Store,
) httpmodule.Routes {
	h := &handlers{sessions: sessions, conversations: conversations, events: events}
	return func(_ *echo.Echo, api huma.API) {
		huma.Register(api, huma.Operation{
			OperationID: "push-conversation", Method: http.MethodPost, Path: root + "/conversations", Tags: []string{tag},
			Summary: "Take a conversation's state",
			Description: "Creates or updates the conversation. Its created_at stays what it was first, and so do title and " +
				"tags once a client has set them. Secrets are masked before anything is stored.",
			Errors: []int{http.StatusUnprocessableEntity},
		}, h.putConversation)
		wire.Document(api, http.MethodPost, root+"/conversations", reflect.TypeFor[conversationBody](), conversationExample)
		huma.Register(api, huma.Operation{
			OperationID: "push-events", Method: http.MethodPost, Path: root + "/events/{conversation_id}", Tags: []string{tag},
			Summary: "Take a batch of events",
			Description: "Stores the events that the conversation does not have yet, all or none. One that came before, by its " +
				"id, changes nothing. A conversation that is not known is made, so that no event is lost with the message " +
				"that announced it. An element that is not an object with an id is answered 422 and nothing of the batch " +
				"is stored. Any JSON is kept byte for byte.",
			Errors: []int{http.StatusUnprocessableEntity},
		}, h.putEvents)
		wire.Document(api, http.MethodPost, root+"/events/{conversation_id}", reflect.TypeFor[[]eventBody](), eventsExample)
	}
}

// conversationBody documents what putConversation reads.
type conversationBody struct {
	ID              string            `json:"id" format:"uuid" doc:"Dashed or as 32 hex digits"`
	Title           *string           `json:"title,omitempty"`
	ExecutionStatus string            `json:"execution_status,omitempty" example:"running"`
	Agent           map[string]any    `json:"agent,omitempty"`
	Workspace       map[string]any    `json:"workspace,omitempty"`
	Stats           map[string]any    `json:"stats,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	CreatedAt       string            `json:"created_at,omitempty" format:"date-time"`
	UpdatedAt       string            `json:"updated_at,omitempty" format:"date-time"`
}

// eventBody documents an event.
type eventBody struct {
	ID        string `json:"id"`
	Kind      string `json:"kind,omitempty" example:"MessageEvent"`
	Timestamp string `json:"timestamp,omitempty" doc:"ISO 8601; when it came, if left out"`
	Source    string `json:"source,omitempty" example:"user"`
}

var (
	conversationExample = json.RawMessage(`{"id":"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10","execution_status":"running",` +
		`"agent":{"kind":"Agent","llm":{"model":"openhands/claude-sonnet"}},"workspace":{"working_dir":"workspace/project"}}`)
	eventsExample = json.RawMessage(`[{"id":"5b2f7a52-8a39-4b0f-8f5e-0d8b9f6c1e77","kind":"MessageEvent",` +
		`"timestamp":"2026-01-31T12:00:00.000001","source":"user",` +
		`"llm_message":{"role":"user","content":[{"type":"text","text":"Flip a coin!"}]}}]`)
)

type conversationInput struct{ RawBody []byte }

func (h *handlers) putConversation(ctx context.Context, in *conversationInput) (*wire.SuccessOutput, error) {
	p, err := conversations.ParsePatch(in.RawBody)
	if err != nil {
		return nil, err
	}
	if p.ID == "" {
		return nil, wire.NewInvalid("missing", "Field required", "body", "id")
	}
	err = h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		return h.conversations.Put(ctx, s, p)
	})
	if err != nil {
		return nil, err
	}
	return wire.Done(), nil
}

type eventsInput struct {
	ID      string `path:"conversation_id" doc:"UUID, as 32 hex digits or dashed"`
	RawBody []byte
}

func (h *handlers) putEvents(ctx context.Context, in *eventsInput) (*wire.SuccessOutput, error) {
	id, err := wire.PathID(in.ID, "conversation_id")
	if err != nil {
		return nil, err
	}
	batch, err := events.ParseBatch(in.RawBody, wire.Now())
	if err != nil {
		return nil, err
	}
	err = h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		_, err := h.events.Add(ctx, s, id, batch)
		return err
	})
	if err != nil {
		return nil, err
	}
	return wire.Done(), nil
}
