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

// refusal is the answer about a part of a delivery that could not be stored. kept is what the database keeps of
// it.
type refusal struct {
	Index  *int   `json:"index,omitempty" doc:"The event's place in the batch, from 0; absent for a body as a whole"`
	Reason string `json:"reason"`

	kept refused.Refusal
}

// setReason sets the reason, without text of the database's error.
func (r *refusal) setReason(err error) {
	r.Reason = err.Error()
	var invalid *wire.Invalid
	if !errors.As(err, &invalid) {
		r.Reason = dbmodule.ErrorKind(err) + ": the database can't store it"
	}
	r.kept.Reason = r.Reason
}

// refuseBody refuses a whole body. body is nil if it is too large to be kept.
func refuseBody(what, conversationID string, body []byte, size int64, err error) *refusal {
	r := &refusal{kept: refused.Refusal{What: what, ConversationID: conversationID, Body: body, Size: size}}
	r.setReason(err)
	return r
}

func refuseEvent(conversationID string, index int, body []byte, err error) *refusal {
	r := refuseBody(refused.Event, conversationID, body, int64(len(body)), err)
	r.Index = &index
	return r
}

// deliverer stores deliveries of agent servers. Parts that can't be stored are refused. Its methods return an error
// only if the sender should repeat the delivery, for example because the body was cut off on its way.
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
	// At least one event can't be stored: store each one separately, in order.
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

// unstorable reports whether storing the same data again would fail with the same error.
func unstorable(err error) bool {
	return errors.Is(err, dbmodule.ErrValue) || errors.Is(err, dbmodule.ErrCheck) || errors.Is(err, dbmodule.ErrNotNull)
}

// putConversation stores a push of a conversation's state. If some members can't be read, it stores the others and
// refuses only these, so that a retry changes nothing else.
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
		return nil, fmt.Errorf("webhooks: keep the refused members: %w", err)
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

// masked returns a JSON document with masked secrets, or nil if it can't be parsed.
func masked(body []byte) []byte {
	clean, err := wire.Redact(body)
	if err != nil {
		return nil
	}
	return clean
}

// keep stores refusals.
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

// retry delivers a refused delivery again.
func (d *deliverer) retry(ctx context.Context, r *refused.Delivery) ([]*refusal, error) {
	switch {
	case r.What == refused.Conversation:
		return d.putConversation(ctx, r.Body)
	case r.ConversationID == nil:
		return nil, fmt.Errorf("webhooks: retry %d: its conversation is not known", r.ID)
	case r.What == refused.Event:
		return d.putEvents(ctx, *r.ConversationID, append(append([]byte{'['}, r.Body...), ']'))
	default:
		return d.putEvents(ctx, *r.ConversationID, r.Body)
	}
}
