package conversations

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Recorder stores and deletes a conversation's events.
type Recorder interface {
	// CheckMessage returns an error if a message is invalid. It stores nothing.
	CheckMessage(message []byte) error
	// RecordMessage stores a valid message as an event, in db's transaction.
	RecordMessage(ctx context.Context, db *dbmodule.Session, conversationID string, message []byte) error
	// ErasePiece deletes up to most events of a conversation, and returns how many it has
	// deleted. db's transaction has locked the conversation.
	ErasePiece(ctx context.Context, db *dbmodule.Session, conversationID string, most int) (int, error)
}

const (
	tag     = "Conversations"
	root    = "/api/conversations"
	byID    = root + "/{conversation_id}"
	appTag  = "App conversations"
	appRoot = "/api/v1/app-conversations"
	appByID = appRoot + "/{conversation_id}"
)

type handlers struct {
	sessions *dbmodule.SessionFactory
	store    *Store
	recorder Recorder
	deleter  *Deleter
}

// NewRoutes makes the routes of both formats.
func NewRoutes(sessions *dbmodule.SessionFactory, store *Store, recorder Recorder, deleter *Deleter) httpmodule.Routes {
	h := &handlers{sessions: sessions, store: store, recorder: recorder, deleter: deleter}
	return func(_ *echo.Echo, api huma.API) {
		h.registerAgentView(api)
		h.registerAppView(api)
		h.registerShared(api, NewSharedLimiter())
	}
}

func (h *handlers) registerAgentView(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "create-conversation", Method: http.MethodPost, Path: root, Tags: []string{tag},
		Summary: "Create a conversation",
		Description: "Stores a conversation: 201 when it is new, 200 with the stored one when its conversation_id exists. " +
			"An initial_message becomes its first event. No agent is started.",
		DefaultStatus: http.StatusCreated,
		Errors:        []int{http.StatusUnprocessableEntity, http.StatusNotImplemented},
	}, h.create)
	wire.Document(api, http.MethodPost, root, reflect.TypeFor[createBody](), createExample)

	huma.Register(api, huma.Operation{
		OperationID: "search-conversations", Method: http.MethodGet, Path: root + "/search", Tags: []string{tag},
		Summary: "List conversations by pages",
		Errors:  []int{http.StatusUnprocessableEntity},
	}, h.search)
	huma.Register(api, huma.Operation{
		OperationID: "count-conversations", Method: http.MethodGet, Path: root + "/count", Tags: []string{tag},
		Summary: "Count conversations",
		Errors:  []int{http.StatusUnprocessableEntity},
	}, h.count)
	huma.Register(api, huma.Operation{
		OperationID: "get-conversations", Method: http.MethodGet, Path: root, Tags: []string{tag},
		Summary:     "Get several conversations",
		Description: "In the order of ids, null for each that does not exist.",
		Errors:      []int{http.StatusUnprocessableEntity},
	}, h.batch)
	huma.Register(api, huma.Operation{
		OperationID: "get-conversation", Method: http.MethodGet, Path: byID, Tags: []string{tag},
		Summary: "Get a conversation",
		Errors:  []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, h.get)
	huma.Register(api, huma.Operation{
		OperationID: "update-conversation", Method: http.MethodPatch, Path: byID, Tags: []string{tag},
		Summary:     "Change a conversation's title or tags",
		Description: "What is left out or null stays; tags replace all tags. What an agent server pushes later does not undo it.",
		Errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, h.update)
	wire.Document(api, http.MethodPatch, byID, reflect.TypeFor[updateBody](), updateExample)
	h.registerDelete(api, "delete-conversation", byID, tag)
}

// PathInput is the path parameter of a conversation. Types that inputs embed are exported, because huma ignores
// the parameters of unexported ones.
type PathInput struct {
	ID string `path:"conversation_id" doc:"UUID, dashed or as 32 hex digits" example:"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"`
}

func (h *handlers) info(ctx context.Context, db *dbmodule.Session, id string, skills bool) (*Info, error) {
	var c *Conversation
	room := httpmodule.NewRoom(ctx)
	err := room.Read(ctx, func() (err error) {
		c, err = h.store.Get(ctx, db, id)
		if err == nil && room.Add(c.size()) && skills {
			err = h.store.ReadSkills(ctx, db, room, c)
		}
		return err
	})
	if err != nil {
		return nil, wire.NotFound(err, "Conversation")
	}
	children, err := h.store.Children(ctx, db, []string{id})
	if err != nil {
		return nil, err
	}
	return c.Info(children[id]), nil
}

// SkillsInput asks for the agent's skills, which can be large.
type SkillsInput struct {
	IncludeSkills bool `query:"include_skills" doc:"With agent.agent_context.skills, which are left out otherwise"`
}

type searchInput struct {
	SkillsInput
	TagsInput
	wire.StrictQuery
	Status string `query:"status" enum:"idle,running,paused,waiting_for_confirmation,finished,error,stuck,deleting" doc:"Only conversations with this execution_status"`
	Order  string `query:"sort_order" enum:"CREATED_AT,CREATED_AT_DESC,UPDATED_AT,UPDATED_AT_DESC" default:"CREATED_AT_DESC"`
	PageInput
}

// PageInput are the parameters of a page.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"100" doc:"The most items of a page"`
	PageID string `query:"page_id" doc:"The next_page_id of the page before"`
}

type infoPage struct {
	Items      []*Info `json:"items" nullable:"false"`
	NextPageID *string `json:"next_page_id" example:"eyJ2IjoxfQ" doc:"null after the last page"`
}

type infoPageOutput struct{ Body infoPage }

func (h *handlers) search(ctx context.Context, in *searchInput) (*infoPageOutput, error) {
	tags, err := in.filters()
	if err != nil {
		return nil, err
	}
	s := httpmodule.Session(ctx, h.sessions)
	page := h.store.Page
	if in.IncludeSkills {
		page = h.store.PageWithSkills
	}
	var rows []*Conversation
	var next string
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		rows, next, err = page(ctx, s, room, Filter{Status: in.Status, Tags: tags}, in.Order, in.PageID, in.Limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	items, err := shown(ctx, h.store, s, rows, (*Conversation).Info)
	if err != nil {
		return nil, err
	}
	return &infoPageOutput{Body: infoPage{Items: items, NextPageID: nextPage(next)}}, nil
}

func nextPage(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

// shown converts rows to a format, with their children. A nil row stays nil.
func shown[T any](
	ctx context.Context, store *Store, db *dbmodule.Session, rows []*Conversation, show func(*Conversation, []string) *T,
) ([]*T, error) {
	ids := make([]string, 0, len(rows))
	for _, c := range rows {
		if c != nil {
			ids = append(ids, c.ID)
		}
	}
	children, err := store.Children(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	items := make([]*T, len(rows))
	for i, c := range rows {
		if c != nil {
			items[i] = show(c, children[c.ID])
		}
	}
	return items, nil
}

type countInput struct {
	TagsInput
	wire.StrictQuery
	Status string `query:"status" enum:"idle,running,paused,waiting_for_confirmation,finished,error,stuck,deleting" doc:"Only conversations with this execution_status"`
}

type countOutput struct{ Body int64 }

func (h *handlers) count(ctx context.Context, in *countInput) (*countOutput, error) {
	tags, err := in.filters()
	if err != nil {
		return nil, err
	}
	n, err := h.store.Count(ctx, httpmodule.Session(ctx, h.sessions), Filter{Status: in.Status, Tags: tags})
	return &countOutput{Body: n}, err
}

// IDsInput are the ids of several conversations.
type IDsInput struct {
	IDs []string `query:"ids,explode" required:"true" maxItems:"100" doc:"UUIDs, dashed or as 32 hex digits; repeat the parameter" example:"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"`
}

type batchOutput struct{ Body []*Info }

type batchInput struct {
	IDsInput
	SkillsInput
}

func (h *handlers) batch(ctx context.Context, in *batchInput) (*batchOutput, error) {
	items, err := batch(ctx, h, in.IDs, in.IncludeSkills, (*Conversation).Info)
	return &batchOutput{Body: items}, err
}

func batch[T any](
	ctx context.Context, h *handlers, rawIDs []string, skills bool, show func(*Conversation, []string) *T,
) ([]*T, error) {
	ids, err := wire.QueryIDs(rawIDs, "ids")
	if err != nil {
		return nil, err
	}
	s := httpmodule.Session(ctx, h.sessions)
	read := h.store.Batch
	if skills {
		read = h.store.BatchWithSkills
	}
	var rows []*Conversation
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		rows, err = read(ctx, s, room, ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	return shown(ctx, h.store, s, rows, show)
}

type getOutput struct{ Body *Info }

type getInput struct {
	PathInput
	SkillsInput
}

func (h *handlers) get(ctx context.Context, in *getInput) (*getOutput, error) {
	id, err := wire.PathID(in.ID, "conversation_id")
	if err != nil {
		return nil, err
	}
	info, err := h.info(ctx, httpmodule.Session(ctx, h.sessions), id, in.IncludeSkills)
	return &getOutput{Body: info}, err
}

func (h *handlers) remove(ctx context.Context, in *PathInput) (*wire.SuccessOutput, error) {
	id, err := wire.PathID(in.ID, "conversation_id")
	if err != nil {
		return nil, err
	}
	if err := h.deleter.Delete(ctx, id); err != nil {
		return nil, wire.NotFound(err, "Conversation")
	}
	return wire.Done(), nil
}

// registerDelete registers a route that deletes a conversation. It has no timeout, because there may be many
// events.
func (h *handlers) registerDelete(api huma.API, id, path, tag string) {
	op := huma.Operation{
		OperationID: id, Method: http.MethodDelete, Path: path, Tags: []string{tag},
		Summary: "Delete a conversation and its events",
		Description: "Its child conversations are kept. Many events are deleted in pieces, and the answer is sent when all are deleted. " +
			"Meanwhile the conversation is not found any more, and pushes for it are answered with 503. " +
			"The deletion continues if the client disconnects.",
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}
	httpmodule.DownloadLimits().Operation(&op)
	huma.Register(api, op, h.remove)
}
