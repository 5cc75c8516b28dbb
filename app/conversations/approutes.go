package conversations

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

func (h *handlers) registerAppView(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "search-app-conversations", Method: http.MethodGet, Path: appRoot + "/search", Tags: []string{appTag},
		Summary: "List conversations by pages",
		Errors:  []int{http.StatusUnprocessableEntity},
	}, h.appSearch)
	huma.Register(api, huma.Operation{
		OperationID: "count-app-conversations", Method: http.MethodGet, Path: appRoot + "/count", Tags: []string{appTag},
		Summary: "Count the conversations that a search with the same filter lists",
		Errors:  []int{http.StatusUnprocessableEntity},
	}, h.appCount)
	huma.Register(api, huma.Operation{
		OperationID: "get-app-conversations", Method: http.MethodGet, Path: appRoot, Tags: []string{appTag},
		Summary:     "Get several conversations",
		Description: "In the order of ids, null for each that does not exist.",
		Errors:      []int{http.StatusUnprocessableEntity},
	}, h.appBatch)
	huma.Register(api, huma.Operation{
		OperationID: "update-app-conversation", Method: http.MethodPatch, Path: appByID, Tags: []string{appTag},
		Summary: "Change a conversation's title, tags, public flag or repository",
		Errors:  []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, h.appUpdate)
	huma.Register(api, huma.Operation{
		OperationID: "get-start-tasks", Method: http.MethodGet, Path: appRoot + "/start-tasks", Tags: []string{appTag},
		Summary: "Get tasks that start conversations, of which there are none: null for each id",
		Errors:  []int{http.StatusUnprocessableEntity},
	}, h.startTasks)
	wire.Document(api, http.MethodPatch, appByID, reflect.TypeFor[appUpdateBody](), json.RawMessage(`{"public":true}`))
	h.registerDelete(api, "delete-app-conversation", appByID, appTag)
}

// appUpdateBody documents the body of appUpdate.
type appUpdateBody struct {
	SelectedRepository string `json:"selected_repository,omitempty"`
	SelectedBranch     string `json:"selected_branch,omitempty"`
	GitProvider        string `json:"git_provider,omitempty"`

	Title  string            `json:"title,omitempty" minLength:"1" maxLength:"200"`
	Tags   map[string]string `json:"tags,omitempty" doc:"Keys of a-z and 0-9, values up to 256 characters"`
	Public bool              `json:"public,omitempty"`
}

// ShownFilter is by what anybody sees of a conversation that is shared.
type ShownFilter struct {
	TitleContains string `query:"title__contains" doc:"In the title, whatever the case"`
	CreatedFrom   string `query:"created_at__gte" doc:"Created at or after this ISO 8601 time; without an offset it is UTC"`
	Created       string `query:"created_at__lt" doc:"Created before this time"`
	UpdatedFrom   string `query:"updated_at__gte" doc:"Changed at or after this time"`
	Updated       string `query:"updated_at__lt" doc:"Changed before this time"`
	IncludeSub    bool   `query:"include_sub_conversations" doc:"Also conversations that have a parent"`
	wire.StrictQuery
}

// AppFilter are the filter parameters of search and count.
type AppFilter struct {
	ShownFilter
	SandboxID string `query:"sandbox_id__eq"`
	TagsInput
}

// TagsInput filters by tags.
type TagsInput struct {
	Tag          []string `query:"tag,explode" maxItems:"20" doc:"Only with this tag: its name, or name:value; repeat the parameter for more"`
	TagsContains []string `query:"tags__contains,explode" maxItems:"20" doc:"The same; also a JSON object of tags"`
}

func (in *TagsInput) filters() ([]TagFilter, error) {
	first, err := ParseTags(in.Tag, "tag")
	if err != nil {
		return nil, err
	}
	second, err := ParseTags(in.TagsContains, "tags__contains")
	return append(first, second...), err
}

func (in *ShownFilter) filter() (Filter, error) {
	f := Filter{TitleContains: in.TitleContains, TopLevel: !in.IncludeSub}
	var err error
	if f.CreatedFrom, err = wire.QueryTime(in.CreatedFrom, "created_at__gte"); err != nil {
		return f, err
	}
	if f.Created, err = wire.QueryTime(in.Created, "created_at__lt"); err != nil {
		return f, err
	}
	if f.UpdatedFrom, err = wire.QueryTime(in.UpdatedFrom, "updated_at__gte"); err != nil {
		return f, err
	}
	if f.Updated, err = wire.QueryTime(in.Updated, "updated_at__lt"); err != nil {
		return f, err
	}
	return f, wire.QueryText(in.TitleContains, "title__contains")
}

func (in *AppFilter) filter() (Filter, error) {
	f, err := in.ShownFilter.filter()
	if err != nil {
		return f, err
	}
	f.SandboxID = in.SandboxID
	if f.Tags, err = in.filters(); err != nil {
		return f, err
	}
	return f, wire.QueryText(in.SandboxID, "sandbox_id__eq")
}

// AppPageInput chooses a page and its order.
type AppPageInput struct {
	Order string `query:"sort_order" enum:"CREATED_AT,CREATED_AT_DESC,UPDATED_AT,UPDATED_AT_DESC,TITLE,TITLE_DESC" default:"CREATED_AT_DESC"`
	PageInput
}

type appSearchInput struct {
	AppFilter
	AppPageInput
}

type appPage struct {
	Items      []*AppInfo `json:"items" nullable:"false"`
	NextPageID *string    `json:"next_page_id" example:"eyJ2IjoxfQ" doc:"null after the last page"`
}

type appPageOutput struct{ Body appPage }

func (h *handlers) appSearch(ctx context.Context, in *appSearchInput) (*appPageOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	s := httpmodule.Session(ctx, h.sessions)
	rows, next, err := h.appPage(ctx, s, f, in.AppPageInput)
	if err != nil {
		return nil, err
	}
	items, err := shown(ctx, h.store, s, rows, (*Conversation).AppInfo)
	if err != nil {
		return nil, err
	}
	return &appPageOutput{Body: appPage{Items: items, NextPageID: nextPage(next)}}, nil
}

// appPage reads a page, within the memory budget.
func (h *handlers) appPage(ctx context.Context, s *dbmodule.Session, f Filter, in AppPageInput) (rows []*Conversation, next string, err error) {
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		rows, next, err = h.store.AppPage(ctx, s, room, f, in.Order, in.PageID, in.Limit)
		return err
	})
	return rows, next, err
}

func (h *handlers) appCount(ctx context.Context, in *AppFilter) (*countOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	n, err := h.store.Count(ctx, httpmodule.Session(ctx, h.sessions), f)
	return &countOutput{Body: n}, err
}

type appBatchOutput struct{ Body []*AppInfo }

func (h *handlers) appBatch(ctx context.Context, in *IDsInput) (*appBatchOutput, error) {
	items, err := batch(ctx, h, in.IDs, false, (*Conversation).AppInfo)
	return &appBatchOutput{Body: items}, err
}

type appInfoOutput struct{ Body *AppInfo }

func (h *handlers) appUpdate(ctx context.Context, in *changeInput) (*appInfoOutput, error) {
	c, sub, err := h.change(ctx, in)
	if err != nil {
		return nil, err
	}
	return &appInfoOutput{Body: c.AppInfo(sub)}, nil
}
