package webhooks

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

const (
	refusedRoot = root + "/refused"
	refusedByID = refusedRoot + "/{refused_id}"

	octets = "application/octet-stream"
)

func (h *handlers) registerRefused(api huma.API) {
	missing := []int{http.StatusNotFound, http.StatusUnprocessableEntity}
	huma.Register(api, huma.Operation{
		OperationID: "search-refused", Method: http.MethodGet, Path: refusedRoot, Tags: []string{tag},
		Summary:     "List what could not be stored, the newest first",
		Description: "The newest 1,000 are kept for 30 days, with bodies of up to 4 MiB. Secrets in a conversation's state are masked.",
		Errors:      []int{http.StatusUnprocessableEntity},
	}, h.listRefused)
	huma.Register(api, huma.Operation{
		OperationID: "count-refused", Method: http.MethodGet, Path: refusedRoot + "/count", Tags: []string{tag},
		Summary: "Count what could not be stored",
	}, h.countRefused)
	huma.Register(api, huma.Operation{
		OperationID: "get-refused-body", Method: http.MethodGet, Path: refusedByID + "/body", Tags: []string{tag},
		Summary: "Get the refused body", Errors: append([]int{http.StatusConflict}, missing...),
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			octets: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		}}},
	}, h.refusedBody)
	huma.Register(api, huma.Operation{
		OperationID: "retry-refused", Method: http.MethodPost, Path: refusedByID + "/retry", Tags: []string{tag},
		Summary:     "Try to store a refused delivery again",
		Description: "It is removed from the list when it is stored. Otherwise the answer is 409 with the reason.",
		Errors:      append([]int{http.StatusConflict}, missing...),
	}, h.retryRefused)
	huma.Register(api, huma.Operation{
		OperationID: "drop-refused", Method: http.MethodDelete, Path: refusedByID, Tags: []string{tag},
		Summary: "Drop a refused delivery", Errors: missing,
	}, h.dropRefused)
	huma.Register(api, huma.Operation{
		OperationID: "drop-all-refused", Method: http.MethodDelete, Path: refusedRoot, Tags: []string{tag},
		Summary: "Drop all refused deliveries",
	}, h.dropAllRefused)
}

type refusedInfo struct {
	ID             int64   `json:"id" example:"1"`
	What           string  `json:"what" enum:"event,events,conversation" doc:"An event of a batch, a body of events, or a conversation's state"`
	ConversationID *string `json:"conversation_id" example:"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"`
	Reason         string  `json:"reason" example:"body.0.id: Field required"`
	Size           int64   `json:"size" example:"15" doc:"In bytes, as it was delivered"`
	BodyKept       bool    `json:"body_kept"`
	Times          int64   `json:"times" example:"1" doc:"How often it was delivered"`
	ReceivedAt     string  `json:"received_at" format:"date-time" example:"2026-01-31T12:00:00.000001Z" doc:"Time of the first delivery, in UTC"`
}

type refusedPage struct {
	Items      []refusedInfo `json:"items" nullable:"false"`
	NextPageID *string       `json:"next_page_id" example:"eyJ2IjoxfQ" doc:"null after the last page"`
}

type refusedPageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"100" doc:"The most items of a page"`
	PageID string `query:"page_id" doc:"The next_page_id of the page before"`
}

type refusedPageOutput struct{ Body refusedPage }

func (h *handlers) listRefused(ctx context.Context, in *refusedPageInput) (*refusedPageOutput, error) {
	rows, next, err := h.refused.Page(ctx, httpmodule.Session(ctx, h.sessions), in.PageID, in.Limit)
	if err != nil {
		return nil, err
	}
	page := refusedPage{Items: make([]refusedInfo, len(rows))}
	for i, row := range rows {
		page.Items[i] = refusedInfo{
			ID: row.ID, What: row.What, ConversationID: row.ConversationID, Reason: row.Reason, Size: row.Size, BodyKept: row.BodyKept,
			Times: row.Times, ReceivedAt: row.ReceivedAt.UTC().Format("2006-01-02T15:04:05.000000Z"),
		}
	}
	if next != "" {
		page.NextPageID = &next
	}
	return &refusedPageOutput{Body: page}, nil
}

type refusedCountOutput struct{ Body int64 }

func (h *handlers) countRefused(ctx context.Context, _ *struct{}) (*refusedCountOutput, error) {
	n, err := h.refused.Count(ctx, httpmodule.Session(ctx, h.sessions))
	return &refusedCountOutput{Body: n}, err
}

type refusedInput struct {
	ID int64 `path:"refused_id"`
}

type refusedBodyOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (h *handlers) refusedBody(ctx context.Context, in *refusedInput) (*refusedBodyOutput, error) {
	var d *refused.Delivery
	room := httpmodule.NewRoom(ctx)
	err := room.Read(ctx, func() (err error) {
		d, err = h.refused.Get(ctx, httpmodule.Session(ctx, h.sessions), room, in.ID)
		return err
	})
	if err != nil {
		return nil, wire.NotFound(err, "Refused delivery")
	}
	if d.Body == nil {
		return nil, notKept()
	}
	return &refusedBodyOutput{ContentType: octets, Body: d.Body}, nil
}

func notKept() error {
	return httpmodule.NewError(http.StatusConflict, "The body was not kept: it was too large, or secrets could not be masked in it")
}

func (h *handlers) retryRefused(ctx context.Context, in *refusedInput) (*wire.SuccessOutput, error) {
	// These units of work are not nested, because SQLite has one writer.
	var d *refused.Delivery
	room := httpmodule.NewRoom(ctx)
	err := room.Read(ctx, func() error {
		return h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) (err error) {
			d, err = h.refused.Get(ctx, s, room, in.ID)
			return err
		})
	})
	if err != nil {
		return nil, wire.NotFound(err, "Refused delivery")
	}
	if d.Body == nil {
		return nil, notKept()
	}
	refusals, err := h.retry(ctx, d)
	if err != nil {
		return nil, err
	}
	if len(refusals) > 0 {
		return nil, httpmodule.NewError(http.StatusConflict, "It still can't be stored: "+reasons(refusals))
	}
	err = h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error { return h.refused.Drop(ctx, s, in.ID) })
	if err != nil {
		return nil, wire.NotFound(err, "Refused delivery")
	}
	return wire.Done(), nil
}

func reasons(refusals []*refusal) string {
	texts := make([]string, len(refusals))
	for i, r := range refusals {
		texts[i] = r.Reason
	}
	return strings.Join(texts, "; ")
}

func (h *handlers) dropRefused(ctx context.Context, in *refusedInput) (*wire.SuccessOutput, error) {
	err := h.refused.Drop(ctx, httpmodule.Session(ctx, h.sessions), in.ID)
	if err != nil {
		return nil, wire.NotFound(err, "Refused delivery")
	}
	return wire.Done(), nil
}

type droppedOutput struct {
	Body struct {
		Dropped int64 `json:"dropped" example:"1"`
	}
}

func (h *handlers) dropAllRefused(ctx context.Context, _ *struct{}) (*droppedOutput, error) {
	n, err := h.refused.DropAll(ctx, httpmodule.Session(ctx, h.sessions))
	out := &droppedOutput{}
	out.Body.Dropped = n
	return out, err
}
