package conversations

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/app/slow"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/httpmodule"
)

const (
	sharedTag  = "Shared"
	sharedRoot = "/api/shared-conversations"
)

// The rate limit of the shared routes, for each client address.
const (
	sharedPerSecond = 10
	sharedBurst     = 100
)

// NewSharedLimiter makes the rate limiter of shared routes.
func NewSharedLimiter() *slow.Limiter { return slow.New(sharedPerSecond, sharedBurst) }

// SharedOperation returns an operation that needs no key. more are statuses of errors besides 422 and 429.
func SharedOperation(api huma.API, limiter *slow.Limiter, id, path, summary string, more ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{sharedTag}, Summary: summary,
		Description: "Needs no key, and finds only public conversations. Each address may send 10 requests a second.",
		Security:    []map[string][]string{}, Middlewares: huma.Middlewares{limiter.Middleware(api)},
		Errors: append([]int{http.StatusUnprocessableEntity, http.StatusTooManyRequests}, more...),
	}
}

func (h *handlers) registerShared(api huma.API, limiter *slow.Limiter) {
	huma.Register(api, SharedOperation(api, limiter, "search-shared-conversations", sharedRoot+"/search", "List public conversations by pages"), h.sharedSearch)
	huma.Register(api, SharedOperation(api, limiter, "count-shared-conversations", sharedRoot+"/count", "Count public conversations"), h.sharedCount)
	huma.Register(api, SharedOperation(api, limiter, "get-shared-conversations", sharedRoot, "Get several public conversations, null for each other"), h.sharedBatch)
}

// sharedInfo returns a conversation for clients without a key: without sandbox, user, workspace, parent, children
// and tags.
func (c *Conversation) sharedInfo([]string) *AppInfo {
	info := c.AppInfo(nil)
	info.SandboxID, info.CreatedByUserID, info.Workspace, info.Tags = nil, nil, nil, map[string]string{}
	info.ParentConversationID = nil
	return info
}

// sharedSearchInput filters by nothing that sharedInfo hides: whoever may ask for it can guess it.
type sharedSearchInput struct {
	ShownFilter
	AppPageInput
}

func (h *handlers) sharedSearch(ctx context.Context, in *sharedSearchInput) (*appPageOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	f.Public = true
	rows, next, err := h.appPage(ctx, httpmodule.Session(ctx, h.sessions), f, in.AppPageInput)
	if err != nil {
		return nil, err
	}
	page := appPage{Items: make([]*AppInfo, len(rows)), NextPageID: nextPage(next)}
	for i, c := range rows {
		page.Items[i] = c.sharedInfo(nil)
	}
	return &appPageOutput{Body: page}, nil
}

func (h *handlers) sharedCount(ctx context.Context, in *ShownFilter) (*countOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	f.Public = true
	n, err := h.store.Count(ctx, httpmodule.Session(ctx, h.sessions), f)
	return &countOutput{Body: n}, err
}

func (h *handlers) sharedBatch(ctx context.Context, in *IDsInput) (*appBatchOutput, error) {
	ids, err := wire.QueryIDs(in.IDs, "ids")
	if err != nil {
		return nil, err
	}
	var rows []*Conversation
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		rows, err = h.store.Batch(ctx, httpmodule.Session(ctx, h.sessions), room, ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	items := make([]*AppInfo, len(rows))
	for i, c := range rows {
		if c != nil && c.Public {
			items[i] = c.sharedInfo(nil)
		}
	}
	return &appBatchOutput{Body: items}, nil
}

// startTask is a task that starts a conversation.
type startTask struct {
	ID string `json:"id" example:"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"`
}

type startTasksOutput struct{ Body []*startTask }

// startTasks answers null for each id: there are no tasks that start conversations.
func (*handlers) startTasks(_ context.Context, in *IDsInput) (*startTasksOutput, error) {
	return &startTasksOutput{Body: make([]*startTask, len(in.IDs))}, nil
}
