package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

const (
	tag  = "Webhooks"
	root = "/api/v1/webhooks"

	pushConversation = root + "/conversations"
	pushEvents       = root + "/events/:conversation_id"
)

// Pushes returns the routes that agent servers post to, in Echo's notation.
func Pushes() []string { return []string{pushConversation, pushEvents} }

// Limit is the size of the largest accepted body, in bytes. Agent servers send batches of about 5 MiB, but a single
// event may be larger.
const Limit = 64 << 20

type handlers struct {
	deliverer
	log *zap.Logger
}

// NewRoutes makes the routes that agent servers push to, and the routes of refused deliveries.
func NewRoutes(
	sessions *dbmodule.SessionFactory, conversations *conversations.Store, events *events.Store, refused *refused.Store,
	log *zap.Logger,
) httpmodule.Routes {
	h := &handlers{
		deliverer: deliverer{sessions: sessions, conversations: conversations, events: events, refused: refused}, log: log,
	}
	return func(e *echo.Echo, api huma.API) {
		h.registerPushes(e, api)
		h.registerRefused(api)
	}
}

// registerPushes registers plain routes without a body limit: the handler refuses a body above [Limit] with 200,
// like any other refusal.
func (h *handlers) registerPushes(e *echo.Echo, api huma.API) {
	limits := httpmodule.Limits{BodyLimit: httpmodule.NoLimit}
	limits.Route(api, e.POST(pushConversation, h.putConversation))
	limits.Route(api, e.POST(pushEvents, h.putEvents))
	const refusals = " If a part can't be stored, the answer is 200 too: otherwise the sender would repeat it, and finally " +
		"drop later deliveries. The answer names the refused part, and /refused keeps it. Bodies of up to 64 MiB are accepted."
	answer := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[pushed](), true, "Pushed")
	ok := func() map[string]*huma.Response {
		return map[string]*huma.Response{"200": {
			Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: answer, Example: pushed{Success: true}}},
		}}
	}
	// A sender repeats a push after 503: the database does not answer, or there is no memory for the body.
	failures := []int{http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "push-conversation", Method: http.MethodPost, Path: root + "/conversations", Tags: []string{tag},
		Summary: "Take a conversation's state",
		Description: "Creates or updates the conversation. Its created_at stays what it was first, and so do title and " +
			"tags once a client has set them. Secrets are masked before anything is stored. A member that can't be read is left out." + refusals,
		Responses: ok(), Errors: failures,
	})
	wire.Document(api, http.MethodPost, root+"/conversations", reflect.TypeFor[conversationBody](), conversationExample)
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "push-events", Method: http.MethodPost, Path: root + "/events/{conversation_id}", Tags: []string{tag},
		Summary: "Take a batch of events",
		Description: "Stores the events that the conversation does not have yet. One that came before, by its " +
			"id, changes nothing. A conversation that is not known is made, so that no event is lost with the message " +
			"that announced it. An element that is not an object with an id is refused; a body that is no array, or was cut off, is a 422. Any JSON is kept byte for byte." + refusals,
		Parameters: []*huma.Param{{
			Name: "conversation_id", In: "path", Required: true, Description: "UUID, as 32 hex digits or dashed", Example: "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10",
			Schema: &huma.Schema{Type: huma.TypeString},
		}},
		Responses: ok(), Errors: failures,
	})
	wire.Document(api, http.MethodPost, root+"/events/{conversation_id}", reflect.TypeFor[[]eventBody](), eventsExample)
}

// pushed is the answer to a push.
type pushed struct {
	Success bool       `json:"success"`
	Refused []*refusal `json:"refused,omitempty" doc:"What could not be stored"`
}

// conversationBody documents the body of putConversation.
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
	Timestamp string `json:"timestamp,omitempty" doc:"ISO 8601; the time of arrival if left out"`
	Source    string `json:"source,omitempty" example:"user"`
}

var (
	conversationExample = json.RawMessage(`{"id":"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10","execution_status":"running",` +
		`"agent":{"kind":"Agent","llm":{"model":"openhands/claude-sonnet"}},"workspace":{"working_dir":"workspace/project"}}`)
	eventsExample = json.RawMessage(`[{"id":"5b2f7a52-8a39-4b0f-8f5e-0d8b9f6c1e77","kind":"MessageEvent",` +
		`"timestamp":"2026-01-31T12:00:00.000001","source":"user",` +
		`"llm_message":{"role":"user","content":[{"type":"text","text":"Flip a coin!"}]}}]`)
)

func (h *handlers) putConversation(c echo.Context) error {
	body, size, err := read(c.Request())
	if err != nil {
		return err
	}
	if size > Limit {
		return h.answer(c, []*refusal{refuseBody(refused.Conversation, "", nil, size, tooLarge(size))}, nil)
	}
	refusals, err := h.deliverer.putConversation(c.Request().Context(), body)
	return h.answer(c, refusals, err)
}

func (h *handlers) putEvents(c echo.Context) error {
	id, err := wire.PathID(c.Param("conversation_id"), "conversation_id")
	if err != nil {
		return err
	}
	body, size, err := read(c.Request())
	if err != nil {
		return err
	}
	if size > Limit {
		return h.answer(c, []*refusal{refuseBody(refused.Batch, id, nil, size, tooLarge(size))}, nil)
	}
	refusals, err := h.deliverer.putEvents(c.Request().Context(), id, body)
	return h.answer(c, refusals, err)
}

// answer stores and logs the refusals, and sends them to the client.
func (h *handlers) answer(c echo.Context, refusals []*refusal, err error) error {
	if err == nil {
		err = h.keep(c.Request().Context(), refusals)
	}
	if err != nil {
		return err
	}
	for _, r := range refusals {
		h.log.Warn("refused a delivery of an agent server", zap.String("what", r.kept.What),
			zap.String("conversation", r.kept.ConversationID), zap.Int64("size", r.kept.Size), zap.String("reason", r.Reason))
	}
	return c.JSON(http.StatusOK, pushed{Success: true, Refused: refusals})
}

// read returns a body of up to Limit bytes. For a larger one it returns only the size. It allocates a buffer of
// Content-Length, up to Limit, so that the buffer does not grow in steps.
func read(r *http.Request) (body []byte, size int64, err error) {
	var b bytes.Buffer
	b.Grow(int(max(0, min(r.ContentLength, Limit))) + bytes.MinRead)
	_, err = b.ReadFrom(io.LimitReader(r.Body, Limit+1))
	if err != nil || b.Len() <= Limit {
		return b.Bytes(), int64(b.Len()), err
	}
	rest, err := io.Copy(io.Discard, r.Body)
	return nil, int64(b.Len()) + rest, err
}

func tooLarge(size int64) error {
	return wire.NewInvalid("too_large", fmt.Sprintf("it has %d bytes, more than the %d that are taken", size, Limit), "body")
}
