package live

import (
	"context"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// stream is GET /api/conversations/{id}/events/stream. The id of a server-sent event is the event's number, and
// its data is the event, byte for byte. Items that are not stored have no id and the name "transient".
func (h *handlers) stream(c echo.Context) error {
	id, err := wire.PathID(c.Param("conversation_id"), "conversation_id")
	if err != nil {
		return err
	}
	after, replay, err := lastSeen(c)
	if err != nil {
		return err
	}
	if err := h.rooms.read(c.Request().Context(), func(s *dbmodule.Session) error {
		return h.conversations.Exists(c.Request().Context(), s, id)
	}); err != nil {
		return wire.NotFound(err, "Conversation")
	}
	who, err := httpmodule.CallerOf(c.Request())
	if err != nil {
		return err
	}
	return h.streams.Events(func(ctx context.Context, w *httpstream.EventWriter) error {
		m, through, err := h.rooms.join(ctx, id, after)
		if err != nil {
			return err
		}
		defer m.leave()
		s := &subscriber{handlers: h, id: id, caller: who, out: w, member: m, last: through}
		if replay {
			s.last = min(after, through)
		}
		return s.serve(ctx, through)
	})(c)
}

// lastSeen returns the number of the last event that the client has seen, -1 for none: the header Last-Event-ID, or
// else the parameter after_seq. If there is neither, it returns -1 and reports false.
func lastSeen(c echo.Context) (after int64, replay bool, err error) {
	text, where := c.Request().Header.Get("Last-Event-ID"), []any{"header", "Last-Event-ID"}
	if text == "" {
		text, where = c.QueryParam("after_seq"), []any{"query", "after_seq"}
	}
	if text == "" {
		return -1, false, nil
	}
	after, err = strconv.ParseInt(text, 10, 64)
	if err != nil || after < -1 {
		return 0, false, wire.NewInvalid("int_parsing", "Input should be a number from -1", where...)
	}
	return after, true, nil
}

// subscriber is one stream of events.
type subscriber struct {
	*handlers
	id     string
	caller httpmodule.Caller
	out    *httpstream.EventWriter
	member *member
	last   int64
}

func (s *subscriber) serve(ctx context.Context, through int64) error {
	memory := httpmodule.NewPatientRoom(ctx)
	check := time.NewTicker(keyCheck)
	defer check.Stop()
	for {
		for s.last < through {
			if isRevoked(s.caller) { // a long replay to a slow client takes minutes
				return nil
			}
			found, err := s.rooms.after(ctx, memory, s.id, s.last)
			if err != nil || len(found) == 0 {
				return err
			}
			for _, e := range found {
				if err := s.send(item{number: e.Number, payload: []byte(e.Payload)}); err != nil {
					return err
				}
			}
		}
		memory.Release()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.member.room.gone:
			return nil // a client that reconnects gets 404
		case <-check.C:
			if isRevoked(s.caller) {
				return nil // a client that reconnects gets 401
			}
			continue
		case <-s.member.queue.Ready():
		}
		items, over := s.member.queue.Take()
		for _, i := range items {
			if err := s.send(i); err != nil {
				return err
			}
		}
		if over { // read the items that did not fit into the queue
			through = s.member.resume()
		}
	}
}

func (s *subscriber) send(i item) error {
	if i.number < 0 {
		return s.out.Send("", "transient", i.payload)
	}
	if i.number <= s.last {
		return nil
	}
	s.last = i.number
	return s.out.Send(strconv.FormatInt(i.number, 10), "", i.payload)
}

// listStream is GET /api/conversations/stream: changes of all conversations.
func (h *handlers) listStream(c echo.Context) error {
	who, err := httpmodule.CallerOf(c.Request())
	if err != nil {
		return err
	}
	return h.streams.Events(func(ctx context.Context, w *httpstream.EventWriter) error {
		queue, leave, err := h.rooms.watch(ctx)
		if err != nil {
			return err
		}
		defer leave()
		if err := w.Send("", listSync, []byte("{}")); err != nil {
			return err
		}
		check := time.NewTicker(keyCheck)
		defer check.Stop()
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-check.C:
				if isRevoked(who) {
					return nil
				}
			case <-queue.Ready():
			}
			changes, over := queue.Take()
			if over { // changes are lost: the client reads the list
				changes = []change{{listSync, []byte("{}")}}
			}
			for _, change := range changes {
				if err := w.Send("", change.name, change.payload); err != nil {
					return err
				}
			}
		}
	})(c)
}
