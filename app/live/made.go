package live

import (
	"context"
	"encoding/json"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

// event is an event that the server makes for one client. It is not stored.
type event struct {
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"`
	Source    string `json:"source"`
	Kind      string `json:"kind"`
	Key       string `json:"key,omitempty"`
	Value     any    `json:"value,omitempty"`
	Code      string `json:"code,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

func newEvent(kind string) (*event, error) {
	id, err := wire.NewID()
	return &event{ID: id, Timestamp: wire.Now().Format("2006-01-02T15:04:05.000000"), Source: "environment", Kind: kind}, err
}

// serverError returns the event that tells a client that its message was not stored.
func serverError(err error) []byte {
	e, idErr := newEvent("ServerErrorEvent")
	if idErr != nil {
		return nil
	}
	e.Code, e.Detail = codeOf(err)
	text, _ := json.Marshal(e) //nolint:errchkjson // to encode texts never fails, and Value is nil
	return text
}

// fullState returns an event with the conversation's whole state.
func (r *Rooms) fullState(ctx context.Context, id string) ([]byte, error) {
	e, err := newEvent("ConversationStateUpdateEvent")
	if err != nil {
		return nil, err
	}
	e.Key = "full_state"
	err = r.read(ctx, func(s *dbmodule.Session) error {
		c, err := r.conversations.Get(ctx, s, id)
		if err != nil {
			return err
		}
		children, err := r.conversations.Children(ctx, s, []string{id})
		e.Value = c.Info(children[id])
		return err
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(e)
}
