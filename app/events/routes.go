package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

const (
	tag     = "Events"
	root    = "/api/conversations/{conversation_id}/events"
	appTag  = "App events"
	appRoot = "/api/v1/conversation/{conversation_id}/events"
)

type handlers struct {
	sessions      *dbmodule.SessionFactory
	store         *Store
	conversations *conversations.Store
	log           *zap.Logger
}

// NewRoutes makes the routes of both formats.
func NewRoutes(
	sessions *dbmodule.SessionFactory, store *Store, stored *conversations.Store, log *zap.Logger,
) httpmodule.Routes {
	h := &handlers{sessions: sessions, store: store, conversations: stored, log: log}
	return func(_ *echo.Echo, api huma.API) {
		h.registerAgentView(api)
		h.registerAppView(api)
		h.registerDownloads(api)
		h.registerShared(api, conversations.NewSharedLimiter())
	}
}

func (h *handlers) registerAgentView(api huma.API) {
	missing := []int{http.StatusNotFound, http.StatusUnprocessableEntity}
	huma.Register(api, huma.Operation{
		OperationID: "send-message", Method: http.MethodPost, Path: root, Tags: []string{tag},
		Summary:     "Add a message to a conversation",
		Description: "Stores the message as a MessageEvent. With run the answer is 501 and nothing is stored: there is no agent.",
		Errors:      append([]int{http.StatusNotImplemented}, missing...),
	}, h.send)
	wire.Document(api, http.MethodPost, root, reflect.TypeFor[messageBody](),
		json.RawMessage(`{"role":"user","content":[{"type":"text","text":"Flip a coin!"}]}`))
	huma.Register(api, huma.Operation{
		OperationID: "search-events", Method: http.MethodGet, Path: root + "/search", Tags: []string{tag},
		Summary:     "List a conversation's events by pages",
		Description: "Each event byte for byte as it came.",
		Errors:      missing,
	}, h.search)
	huma.Register(api, huma.Operation{
		OperationID: "count-events", Method: http.MethodGet, Path: root + "/count", Tags: []string{tag},
		Summary: "Count a conversation's events",
		Errors:  missing,
	}, h.count)
	huma.Register(api, huma.Operation{
		OperationID: "get-events", Method: http.MethodGet, Path: root, Tags: []string{tag},
		Summary: "Get several events",
		Description: "In the order of the ids, null for each that does not exist. The ids come as a repeated parameter " +
			"or, as agent servers expect them, as a JSON array in the body.",
		Errors: missing,
	}, h.batch)
	wire.LeaveOutBody(api, root)
	huma.Register(api, huma.Operation{
		OperationID: "get-event", Method: http.MethodGet, Path: root + "/{event_id}", Tags: []string{tag},
		Summary:     "Get an event",
		Description: "Byte for byte as it came.",
		Errors:      missing,
	}, h.get)
	huma.Register(api, huma.Operation{
		OperationID: "get-agent-final-response", Method: http.MethodGet,
		Path: "/api/conversations/{conversation_id}/agent_final_response", Tags: []string{tag},
		Summary:     "Get the agent's final response",
		Description: "The message of its last finish action, or its last message if that is newer; empty when there is none.",
		Errors:      missing,
	}, h.finalResponse)
}

// anyEvent documents an event.
type anyEvent struct {
	ID        string `json:"id" example:"5b2f7a52-8a39-4b0f-8f5e-0d8b9f6c1e77"`
	Kind      string `json:"kind" example:"MessageEvent"`
	Timestamp string `json:"timestamp" example:"2026-01-31T12:00:00.000001" doc:"As its writer wrote it, usually local time without an offset"`
	Source    string `json:"source" example:"user" doc:"user, agent, environment, system or hook"`
}

// eventPage documents a page.
type eventPage struct {
	Items      []anyEvent `json:"items" nullable:"false"`
	NextPageID *string    `json:"next_page_id" example:"eyJ2IjoxfQ" doc:"null after the last page"`
}

// messageBody documents the body of send.
type messageBody struct {
	Role    string `json:"role,omitempty" enum:"user,system,assistant,tool" default:"user"`
	Content []struct {
		Type      string   `json:"type" enum:"text,image"`
		Text      string   `json:"text,omitempty"`
		ImageURLs []string `json:"image_urls,omitempty"`
	} `json:"content"`
	Run bool `json:"run,omitempty" doc:"true is refused with 501"`
}

// PathInput is the path parameter of a conversation. Types that inputs embed are exported, because huma ignores
// the parameters of unexported ones.
type PathInput struct {
	ID string `path:"conversation_id" doc:"UUID, dashed or as 32 hex digits" example:"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"`
}

type sendInput struct {
	PathInput
	RawBody []byte
}

func (h *handlers) send(ctx context.Context, in *sendInput) (*wire.SuccessOutput, error) {
	id, err := wire.PathID(in.ID, "conversation_id")
	if err != nil {
		return nil, err
	}
	if err := h.store.CheckMessage(in.RawBody); err != nil {
		return nil, wire.Under(err, "body")
	}
	err = h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		if err := h.conversations.Exists(ctx, s, id); err != nil {
			return err
		}
		return h.store.RecordMessage(ctx, s, id, in.RawBody)
	})
	if err != nil {
		return nil, wire.NotFound(err, "Conversation")
	}
	return wire.Done(), nil
}

// FilterInput are the filter parameters of search and count.
type FilterInput struct {
	Kind   string `query:"kind" doc:"Only this kind, such as MessageEvent"`
	Source string `query:"source" doc:"Only from this source"`
	Text   string `query:"body" doc:"Only messages with this in their text, whatever the case"`
	From   string `query:"timestamp__gte" doc:"At or after this ISO 8601 time; without an offset it compares with those of events as they are"`
	Before string `query:"timestamp__lt" doc:"Before this time"`
	wire.StrictQuery
}

func (in *FilterInput) filter() (Filter, error) {
	for name, value := range map[string]string{"kind": in.Kind, "source": in.Source, "body": in.Text} {
		if err := wire.QueryText(value, name); err != nil {
			return Filter{}, err
		}
	}
	f := Filter{Kind: in.Kind, Source: in.Source, Body: in.Text}
	var err error
	if f.From, err = wire.QueryTime(in.From, "timestamp__gte"); err != nil {
		return f, err
	}
	f.Before, err = wire.QueryTime(in.Before, "timestamp__lt")
	return f, err
}

// PageInput are the parameters of a page.
type PageInput struct {
	Order  string `query:"sort_order" enum:"TIMESTAMP,TIMESTAMP_DESC" default:"TIMESTAMP"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"100" doc:"The most items of a page"`
	PageID string `query:"page_id" doc:"The next_page_id of the page before"`
}

type searchInput struct {
	PathInput
	FilterInput
	PageInput
}

type pageOutput struct{ Body httpmodule.Raw[eventPage] }

func (h *handlers) search(ctx context.Context, in *searchInput) (*pageOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	return h.page(ctx, in.ID, f, in.PageInput)
}

func (h *handlers) page(ctx context.Context, rawID string, f Filter, in PageInput) (*pageOutput, error) {
	id, err := wire.PathID(rawID, "conversation_id")
	if err != nil {
		return nil, err
	}
	s := httpmodule.Session(ctx, h.sessions)
	var payloads []string
	var next string
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		payloads, next, err = h.store.Page(ctx, s, id, f, in.Order, in.PageID, Most{in.Limit, paging.MaxBytes, room})
		return err
	})
	if err = h.orMissing(ctx, s, id, len(payloads) > 0, err); err != nil {
		return nil, err
	}
	return &pageOutput{Body: wire.AppendPage(nil, payloads, next)}, nil
}

// conversation checks that a conversation exists and returns the request's session.
func (h *handlers) conversation(ctx context.Context, rawID string) (string, *dbmodule.Session, error) {
	id, err := wire.PathID(rawID, "conversation_id")
	if err != nil {
		return "", nil, err
	}
	s := httpmodule.Session(ctx, h.sessions)
	if err := h.conversations.Exists(ctx, s, id); err != nil {
		return "", nil, wire.NotFound(err, "Conversation")
	}
	return id, s, nil
}

// orMissing returns a 404 if the conversation does not exist, and err otherwise. err is the result of reading
// its events. If events were found, the conversation exists, and no query is needed. The 404 has precedence
// over an invalid parameter.
func (h *handlers) orMissing(ctx context.Context, s *dbmodule.Session, id string, found bool, err error) error {
	var invalid *wire.Invalid
	if found || err != nil && !errors.As(err, &invalid) {
		return err
	}
	if missing := h.conversations.Exists(ctx, s, id); missing != nil {
		return wire.NotFound(missing, "Conversation")
	}
	return err
}

type countInput struct {
	PathInput
	FilterInput
}

type countOutput struct{ Body int64 }

func (h *handlers) count(ctx context.Context, in *countInput) (*countOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	return h.number(ctx, in.ID, f)
}

func (h *handlers) number(ctx context.Context, rawID string, f Filter) (*countOutput, error) {
	id, s, err := h.conversation(ctx, rawID)
	if err != nil {
		return nil, err
	}
	n, err := h.store.Count(ctx, s, id, f)
	return &countOutput{Body: n}, wire.NotFound(err, "Conversation")
}

type batchInput struct {
	PathInput
	IDs     []string `query:"ids,explode" maxItems:"100" doc:"Ids of events; repeat the parameter" example:"5b2f7a52-8a39-4b0f-8f5e-0d8b9f6c1e77"`
	ID      []string `query:"id,explode" maxItems:"100" doc:"The same"`
	RawBody []byte
}

type listOutput struct{ Body httpmodule.Raw[[]anyEvent] }

func (h *handlers) batch(ctx context.Context, in *batchInput) (*listOutput, error) {
	ids := append(append([]string{}, in.IDs...), in.ID...)
	where := []any{"query", "ids"}
	if len(ids) == 0 && len(bytes.TrimSpace(in.RawBody)) > 0 {
		where = []any{"body"}
		elements, err := wire.ParseArray(in.RawBody)
		if err != nil {
			return nil, wire.Under(err, where...)
		}
		for i, element := range elements {
			if wire.Kind(element) != '"' {
				return nil, wire.NewInvalid("string_type", "Input should be a valid string", "body", i)
			}
			ids = append(ids, looseText(element))
		}
	} else if len(ids) == 0 {
		return nil, wire.NewInvalid("missing", "Field required", where...)
	}
	return h.list(ctx, in.PathInput.ID, ids, where)
}

func (h *handlers) list(ctx context.Context, rawID string, ids []string, where []any) (*listOutput, error) {
	if len(ids) > paging.MaxBatch {
		return nil, wire.NewInvalid("too_long", "At most 100 ids can be asked for at once", where...)
	}
	id, err := wire.PathID(rawID, "conversation_id")
	if err != nil {
		return nil, err
	}
	s := httpmodule.Session(ctx, h.sessions)
	var payloads []string
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		payloads, err = h.store.Batch(ctx, s, room, id, ids)
		return err
	})
	found := slices.ContainsFunc(payloads, func(payload string) bool { return payload != "" })
	if err = h.orMissing(ctx, s, id, found, err); err != nil {
		return nil, err
	}
	return &listOutput{Body: wire.AppendList(nil, payloads)}, nil
}

type getInput struct {
	PathInput
	EventID string `path:"event_id" doc:"The id that the event came with" example:"5b2f7a52-8a39-4b0f-8f5e-0d8b9f6c1e77"`
}

type getOutput struct{ Body httpmodule.Raw[anyEvent] }

func (h *handlers) get(ctx context.Context, in *getInput) (*getOutput, error) {
	id, err := wire.PathID(in.ID, "conversation_id")
	if err != nil {
		return nil, err
	}
	var payload string
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		payload, err = h.store.Get(ctx, httpmodule.Session(ctx, h.sessions), room, id, in.EventID)
		return err
	})
	if err != nil {
		return nil, wire.NotFound(err, "Event")
	}
	return &getOutput{Body: httpmodule.Raw[anyEvent](payload)}, nil
}

type responseOutput struct {
	Body struct {
		Response string `json:"response" example:"It is heads."`
	}
}

func (h *handlers) finalResponse(ctx context.Context, in *PathInput) (*responseOutput, error) {
	id, s, err := h.conversation(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &responseOutput{}
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		out.Body.Response, err = h.store.FinalResponse(ctx, s, room, id)
		return err
	})
	return out, err
}
