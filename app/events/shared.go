package events

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/slow"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

const sharedRoot = "/api/shared-events"

func (h *handlers) registerShared(api huma.API, limiter *slow.Limiter) {
	operation := func(id, path, summary string) huma.Operation {
		return conversations.SharedOperation(api, limiter, id, sharedRoot+path, summary, http.StatusNotFound)
	}
	huma.Register(api, operation("search-shared-events", "/search", "List a public conversation's events by pages"), h.sharedSearch)
	huma.Register(api, operation("count-shared-events", "/count", "Count a public conversation's events"), h.sharedCount)
	huma.Register(api, operation("get-shared-events", "", "Get several events of a public conversation"), h.sharedBatch)
	huma.Register(api, operation("get-shared-event", "/{conversation_id}/{event_id}", "Get an event of a public conversation"), h.sharedGet)
}

// SharedInput is the query parameter of a conversation.
type SharedInput struct {
	Conversation string `query:"conversation_id" required:"true" doc:"UUID, dashed or as 32 hex digits" example:"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"`
}

// public returns a 404 unless the conversation is public: clients can't find out whether a private one exists.
func (h *handlers) public(ctx context.Context, rawID string) (err error) {
	id, err := wire.PathID(rawID, "conversation_id")
	if err != nil {
		return err
	}
	rows, err := h.conversations.Batch(ctx, httpmodule.Session(ctx, h.sessions), nil, []string{id})
	if err == nil && (rows[0] == nil || !rows[0].Public) {
		err = wire.NotFound(dbmodule.ErrNotFound, "Conversation")
	}
	return err
}

type sharedSearchInput struct {
	SharedInput
	AppFilterInput
	PageInput
}

func (h *handlers) sharedSearch(ctx context.Context, in *sharedSearchInput) (*pageOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	if err := h.public(ctx, in.Conversation); err != nil {
		return nil, err
	}
	return h.page(ctx, in.Conversation, f, in.PageInput)
}

type sharedCountInput struct {
	SharedInput
	AppFilterInput
}

func (h *handlers) sharedCount(ctx context.Context, in *sharedCountInput) (*countOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	if err := h.public(ctx, in.Conversation); err != nil {
		return nil, err
	}
	return h.number(ctx, in.Conversation, f)
}

type sharedBatchInput struct {
	SharedInput
	IDs []string `query:"id,explode" required:"true" maxItems:"100" doc:"Ids of events; repeat the parameter" example:"5b2f7a52-8a39-4b0f-8f5e-0d8b9f6c1e77"`
}

func (h *handlers) sharedBatch(ctx context.Context, in *sharedBatchInput) (*listOutput, error) {
	if err := h.public(ctx, in.Conversation); err != nil {
		return nil, err
	}
	return h.list(ctx, in.Conversation, in.IDs, []any{"query", "id"})
}

func (h *handlers) sharedGet(ctx context.Context, in *getInput) (*getOutput, error) {
	if err := h.public(ctx, in.ID); err != nil {
		return nil, err
	}
	return h.get(ctx, in)
}
