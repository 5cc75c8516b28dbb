package conversations

import (
	"context"
	"encoding/json"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

// updateBody documents the body of update.
type updateBody struct {
	Title string            `json:"title,omitempty" minLength:"1" maxLength:"200"`
	Tags  map[string]string `json:"tags,omitempty" doc:"Keys of a-z and 0-9, values up to 256 characters"`
}

var updateExample = json.RawMessage(`{"title":"Coin flips","tags":{"team":"probability"}}`)

type changeInput struct {
	PathInput
	RawBody []byte
}

type updateOutput struct {
	Body struct {
		*Info
		Success bool `json:"success"`
	}
}

func (h *handlers) update(ctx context.Context, in *changeInput) (*updateOutput, error) {
	c, sub, err := h.change(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &updateOutput{}
	// Agent servers answer {"success":true}, but their client expects the conversation: answer both.
	out.Body.Info, out.Body.Success = c.Info(sub), true
	return out, nil
}

func (h *handlers) change(ctx context.Context, in *changeInput) (c *Conversation, sub []string, err error) {
	id, err := wire.PathID(in.ID, "conversation_id")
	if err != nil {
		return nil, nil, err
	}
	p, err := ParseUpdate(in.RawBody)
	if err != nil {
		return nil, nil, err
	}
	err = h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		var err error
		if c, err = h.store.Update(ctx, s, id, p); err != nil {
			return err
		}
		children, err := h.store.Children(ctx, s, []string{id})
		sub = children[id]
		return err
	})
	return c, sub, wire.NotFound(err, "Conversation")
}
