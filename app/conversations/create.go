package conversations

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// createBody documents the body of create.
type createBody struct {
	ConversationID       string            `json:"conversation_id,omitempty" format:"uuid" doc:"Random when left out"`
	Agent                map[string]any    `json:"agent,omitempty" doc:"Kept as it is, secrets masked"`
	Workspace            map[string]any    `json:"workspace,omitempty" doc:"Kept as it is, secrets masked"`
	InitialMessage       map[string]any    `json:"initial_message,omitempty" doc:"The first event: {role, content}"`
	Title                string            `json:"title,omitempty" minLength:"1" maxLength:"200"`
	Tags                 map[string]string `json:"tags,omitempty" doc:"Keys of a-z and 0-9, values up to 256 characters"`
	MaxIterations        int64             `json:"max_iterations,omitempty" minimum:"1" default:"500"`
	StuckDetection       bool              `json:"stuck_detection,omitempty" default:"true"`
	ParentConversationID string            `json:"parent_conversation_id,omitempty" format:"uuid" doc:"Must exist"`
}

var createExample = json.RawMessage(`{"agent":{"kind":"Agent","llm":{"model":"openhands/claude-sonnet","api_key":"sk-…"}},` +
	`"workspace":{"kind":"LocalWorkspace","working_dir":"workspace/project"},` +
	`"initial_message":{"role":"user","content":[{"type":"text","text":"Flip a coin!"}]}}`)

type bodyInput struct{ RawBody []byte }

type infoOutput struct {
	Status int
	Body   *Info
}

func (h *handlers) create(ctx context.Context, in *bodyInput) (*infoOutput, error) {
	p, err := ParsePatch(in.RawBody)
	if err != nil {
		return nil, err
	}
	if err := checkTitle(p.Title); err != nil {
		return nil, err
	}
	message, err := h.initialMessage(in.RawBody)
	if err != nil {
		return nil, err
	}
	p.CreatedAt, p.UpdatedAt = nil, nil // the store sets them
	if p.ID == "" {
		if p.ID, err = wire.NewID(); err != nil {
			return nil, err
		}
	}
	var c *Conversation
	err = h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		var err error
		if p.ParentID != nil {
			if err := h.checkParent(ctx, s, p); err != nil {
				return err
			}
		}
		if c, err = h.store.Insert(ctx, s, p); err != nil || message == nil {
			return err
		}
		if err = h.recorder.RecordMessage(ctx, s, p.ID, message); err != nil {
			return err
		}
		c, err = h.store.Get(ctx, s, p.ID)
		return err
	})
	if errors.Is(err, dbmodule.ErrUnique) {
		out, err := h.read(ctx, p.ID)
		var answer *httpmodule.HTTPError
		if errors.As(err, &answer) && answer.Status == http.StatusNotFound { // Get leaves out conversations that are being deleted
			return nil, beingDeleted(p.ID)
		}
		if err != nil {
			return nil, err
		}
		return &infoOutput{Status: http.StatusOK, Body: out}, nil
	}
	if err != nil {
		return nil, err
	}
	return &infoOutput{Status: http.StatusCreated, Body: c.Info(nil)}, nil
}

func (h *handlers) initialMessage(body []byte) ([]byte, error) {
	object, err := wire.ParseObject(body)
	if err != nil {
		return nil, wire.Under(err, "body")
	}
	if !object.Has("initial_message") {
		return nil, nil
	}
	message := object["initial_message"]
	if err := h.recorder.CheckMessage(message); err != nil {
		return nil, wire.Under(err, "body", "initial_message")
	}
	return message, nil
}

func (h *handlers) checkParent(ctx context.Context, db *dbmodule.Session, p *Patch) error {
	err := h.store.Exists(ctx, db, *p.ParentID)
	if errors.Is(err, dbmodule.ErrNotFound) {
		return wire.NewInvalid("value_error", "The parent conversation does not exist", "body", "parent_conversation_id")
	}
	return err
}

func checkTitle(title *string) error {
	if title == nil {
		return nil
	}
	if *title == "" {
		return wire.NewInvalid("string_too_short", "String should have at least 1 character", "body", "title")
	}
	return wire.Under(wire.CheckText(*title, maxTitle), "body", "title")
}

// read reads one conversation outside of the request's session.
func (h *handlers) read(ctx context.Context, id string) (*Info, error) {
	var info *Info
	err := h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		var err error
		info, err = h.info(ctx, s, id, false)
		return err
	})
	return info, err
}
