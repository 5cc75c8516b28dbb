package events

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/app/wire"
)

func (h *handlers) registerAppView(api huma.API) {
	missing := []int{http.StatusNotFound, http.StatusUnprocessableEntity}
	huma.Register(api, huma.Operation{
		OperationID: "search-app-events", Method: http.MethodGet, Path: appRoot + "/search", Tags: []string{appTag},
		Summary:     "List a conversation's events by pages",
		Description: "Each event byte for byte as it came.",
		Errors:      missing,
	}, h.appSearch)
	huma.Register(api, huma.Operation{
		OperationID: "count-app-events", Method: http.MethodGet, Path: appRoot + "/count", Tags: []string{appTag},
		Summary: "Count a conversation's events",
		Errors:  missing,
	}, h.appCount)
	huma.Register(api, huma.Operation{
		OperationID: "get-app-events", Method: http.MethodGet, Path: appRoot, Tags: []string{appTag},
		Summary:     "Get several events",
		Description: "In the order of the ids, null for each that does not exist.",
		Errors:      missing,
	}, h.appBatch)
}

// AppFilterInput are the filter parameters of search and count in the app server's format.
type AppFilterInput struct {
	Kind   string `query:"kind__eq" doc:"Only this kind, such as MessageEvent"`
	From   string `query:"timestamp__gte" doc:"At or after this ISO 8601 time; without an offset it compares with those of events as they are"`
	Before string `query:"timestamp__lt" doc:"Before this time"`
	wire.StrictQuery
}

func (in *AppFilterInput) filter() (Filter, error) {
	if err := wire.QueryText(in.Kind, "kind__eq"); err != nil {
		return Filter{}, err
	}
	return (&FilterInput{Kind: in.Kind, From: in.From, Before: in.Before}).filter()
}

type appSearchInput struct {
	PathInput
	AppFilterInput
	PageInput
}

func (h *handlers) appSearch(ctx context.Context, in *appSearchInput) (*pageOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	return h.page(ctx, in.ID, f, in.PageInput)
}

type appCountInput struct {
	PathInput
	AppFilterInput
}

func (h *handlers) appCount(ctx context.Context, in *appCountInput) (*countOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	return h.number(ctx, in.ID, f)
}

type appBatchInput struct {
	Conversation string   `path:"conversation_id" doc:"UUID, dashed or as 32 hex digits" example:"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"`
	IDs          []string `query:"id,explode" required:"true" maxItems:"100" doc:"Ids of events; repeat the parameter" example:"5b2f7a52-8a39-4b0f-8f5e-0d8b9f6c1e77"`
}

func (h *handlers) appBatch(ctx context.Context, in *appBatchInput) (*listOutput, error) {
	return h.list(ctx, in.Conversation, in.IDs, []any{"query", "id"})
}
