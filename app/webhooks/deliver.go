package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

// refusal is something that could not be stored, as its sender is told of it.
type refusal struct {
	Index  *int   `json:"index,omitempty" doc:"The event's place in the batch, from 0; absent for a body as a whole"`
	Reason string `json:"reason"`

	kept refused.Refusal
}

func (r *refusal) because(err error) {
	r.Reason = err.Error()
	var invalid *wire.Invalid
	if !errors.As(err, &invalid) {
		r.Reason = dbmodule.ErrorKind(err) + ": the database does not take it"
	}
	r.kept.Reason = r.Reason
}

// refuseBody refuses a body as a whole. body is nil if there is too much of it.
func refuseBody(what, conversationID string, body []byte, size int64, err error) *refusal {
	r := &refusal{kept: refused.Refusal{What: what, ConversationID: conversationID, Body: body, Size: size}}
	r.because(err)
	return r
}

func refuseEvent(conversationID string, index int, body []byte, err error) *refusal {
	r := refuseBody(refused.Event, conversationID, body, int64(len(body)), err)
	r.Index = &index
	return r
}

// deliverer stores what agent servers send, except for what can't be stored: that is
// refused. An error is one that the sender should try again after: what was cut off on its
// way may come whole the next time.
type deliverer struct {
	sessions      *dbmodule.SessionFactory
	conversations *conversations.Store
	events        *events.Store
	refused       *refused.Store
}

// putEvents stores a batch.
func (d *deliverer) putEvents(ctx context.Context, conversationID string, body []byte) ([]*refusal, error) {
	batch, bad, err := d.events.ParseBatch(body, wire.Now())
	if err != nil {
		return nil, err
	}
	var refusals []*refusal
	for _, b := range bad {
		refusals = append(refusals, refuseEvent(conversationID, b.Index, b.Body, b.Reason))
	}
	err = d.add(ctx, conversationID, batch)
	if !unstorable(err) {
		return refusals, err
	}
	// One of them: each goes alone, in order.
	for i, e := range batch {
		err := d.add(ctx, conversationID, batch[i:i+1])
		if unstorable(err) {
			refusals = append(refusals, refuseEvent(conversationID, e.Index, []byte(e.Payload), err))
		} else if err != nil {
			return nil, err
		}
	}
	return refusals, nil
}

func (d *deliverer) add(ctx context.Context, conversationID string, batch []*events.Incoming) error {
	if len(batch) == 0 {
		return nil
	}
	return d.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		_, err := d.events.Add(ctx, s, conversationID, batch)
		return err
	})
}

// unstorable tells errors that the same data would always meet.
func unstorable(err error) bool {
	return errors.Is(err, dbmodule.ErrValue) || errors.Is(err, dbmodule.ErrCheck) || errors.Is(err, dbmodule.ErrNotNull)
}

// putConversation stores a push of a conversation's state. Of one that is stored but for
// some members, these are refused, so that trying again sets nothing else.
func (d *deliverer) putConversation(ctx context.Context, body []byte) ([]*refusal, error) {
	p, leftOut, err := conversations.ParsePush(body)
	if err != nil {
		return nil, err
	}
	err = d.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		return d.conversations.Put(ctx, s, p)
	})
	if unstorable(err) {
		return []*refusal{refuseBody(refused.Conversation, p.ID, masked(body), int64(len(body)), err)}, nil
	}
	if err != nil || len(leftOut) == 0 {
		return nil, err
	}
	rest, errs := map[string]any{"id": p.ID}, make([]error, len(leftOut))
	for i, member := range leftOut {
		rest[member.Name], errs[i] = member.Value, member.Reason
	}
	kept, err := json.Marshal(rest)
	if err != nil {
		return nil, fmt.Errorf("webhooks: keep what was left out: %w", err)
	}
	r := refuseBody(refused.Conversation, p.ID, masked(kept), int64(len(kept)), errs[0])
	texts := make([]string, len(errs))
	for i, e := range errs {
		texts[i] = e.Error()
	}
	r.Reason = "left out: " + strings.Join(texts, "; ")
	r.kept.Reason = r.Reason
	return []*refusal{r}, nil
}

// masked is a JSON document without secrets, nil if they can't be found.
func masked(body []byte) []byte {
	clean, err := wire.Redact(body)
	if err != nil {
		return nil
	}
	return clean
}

// keep records refusals.
func (d *deliverer) keep(ctx context.Context, refusals []*refusal) error {
	if len(refusals) == 0 {
		return nil
	}
	kept := make([]refused.Refusal, len(refusals))
	for i, r := range refusals {
		kept[i] = r.kept
	}
	return d.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		return d.refused.Record(ctx, s, kept...)
	})
}

// again delivers what was refused before.
func (d *deliverer) again(ctx context.Context, r *refused.Delivery) ([]*refusal, error) {
	switch {
	case r.What == refused.Conversation:
		return d.putConversation(ctx, r.Body)
	case r.ConversationID == nil:
		return nil, fmt.Errorf("webhooks: try %d again: it names no conversation", r.ID)
	case r.What == refused.Event:
		return d.putEvents(ctx, *r.ConversationID, append(append([]byte{'['}, r.Body...), ']'))
	default:
		return d.putEvents(ctx, *r.ConversationID, r.Body)
	}
}
