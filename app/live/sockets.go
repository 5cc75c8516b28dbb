package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// messageLimit is the size of a client's largest message, which may contain pictures. OpenHands' own servers have
// the same limit.
const messageLimit = 16 << 20

type handlers struct {
	rooms         *Rooms
	streams       *httpstream.Streams
	sessions      *dbmodule.SessionFactory
	events        *events.Store
	conversations *conversations.Store
}

// protocol has the differences between the two websockets.
type protocol struct {
	// hello returns the first frame. through is the number of the last stored event.
	hello func(ctx context.Context, through int64) ([]byte, error)
	// from returns the number of the event after which the replay begins. Without a replay it is
	// through.
	from func(ctx context.Context, through int64) (int64, error)
	// since is the time, in microseconds since 1970, of the oldest event in the replay.
	since int64
	// seen is the number of the last event that the client has, -1 if that is not known.
	seen int64
	// frame returns the frame for an item, or nil if the item is not sent.
	frame func(i item) []byte
	// failed returns the frame that reports that a client's message was not stored.
	failed func(err error) []byte
}

// socket serves a websocket with the protocol that newProtocol returns.
func (h *handlers) socket(c echo.Context, newProtocol func(id string) (*protocol, error)) error {
	id, err := wire.PathID(c.Param("conversation_id"), "conversation_id")
	if err != nil {
		return err
	}
	p, err := newProtocol(id)
	if err != nil {
		return err
	}
	who, err := admit(c)
	if err != nil {
		return err
	}
	return h.streams.WebSocket(func(ctx context.Context, socket *httpstream.Socket) error {
		if err := who.identify(ctx, socket); err != nil {
			return err
		}
		socket.SetCountedReadLimit(messageLimit)
		m, through, err := h.rooms.join(ctx, id, p.seen)
		switch {
		case errors.Is(err, dbmodule.ErrNotFound):
			return errGone
		case err != nil:
			return errors.Join(errSubscribe, err)
		}
		defer m.leave()
		l := &listener{handlers: h, id: id, socket: socket, member: m, caller: who, protocol: p}
		return l.serve(ctx, through)
	})(c)
}

// listener is one websocket that listens to a conversation.
type listener struct {
	*handlers
	id       string
	socket   *httpstream.Socket
	member   *member
	caller   *caller
	protocol *protocol
	// last is the number of the last event that was sent or skipped.
	last int64
}

func (l *listener) serve(ctx context.Context, through int64) error {
	hello, err := l.protocol.hello(ctx, through)
	if errors.Is(err, dbmodule.ErrNotFound) {
		return errGone
	}
	if err == nil {
		err = l.socket.Send(ctx, hello)
	}
	if err == nil {
		l.last, err = l.protocol.from(ctx, through)
	}
	if err == nil {
		err = l.replay(ctx, through)
	}
	if err != nil {
		return err
	}
	check := time.NewTicker(keyCheck)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.member.room.gone:
			return errGone
		case <-check.C:
			if isRevoked(l.caller.Caller) {
				return errUnauthorized
			}
		case <-l.member.queue.Ready():
			items, over := l.member.queue.Take()
			if err := l.send(ctx, items...); err != nil {
				return err
			}
			if over {
				return l.streams.Slow()
			}
		case frame, there := <-l.socket.Frames():
			if !there {
				return nil
			}
			err := l.receive(ctx, frame)
			l.socket.FrameDone(frame)
			if err != nil {
				return err
			}
		}
	}
}

// replay sends the stored events after last, up to through: the queue has the later ones. If the queue has
// overflowed meanwhile, replay empties it and continues up to the room's newest event.
func (l *listener) replay(ctx context.Context, through int64) error {
	memory := httpmodule.NewPatientRoom(ctx)
	defer memory.Release()
	for l.last < through {
		if isRevoked(l.caller.Caller) { // a long replay to a slow client takes minutes
			return errUnauthorized
		}
		found, err := l.rooms.after(ctx, memory, l.id, l.last)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			break
		}
		for _, e := range found {
			if e.Number > through {
				break
			}
			if e.Micros < l.protocol.since {
				l.last = e.Number
				continue
			}
			if err := l.send(ctx, item{number: e.Number, payload: []byte(e.Payload)}); err != nil {
				return err
			}
		}
		if l.last >= through && l.member.behind() {
			through = l.member.resume()
		}
	}
	return nil
}

// send sends items that were not sent yet.
func (l *listener) send(ctx context.Context, items ...item) error {
	for _, i := range items {
		if i.number >= 0 && i.number <= l.last {
			continue
		}
		if frame := l.protocol.frame(i); frame != nil {
			if err := l.socket.Send(ctx, frame); err != nil {
				return err
			}
		}
		if i.number >= 0 {
			l.last = i.number
		}
	}
	return nil
}

// receive stores a client's message, as the route to send a message does.
func (l *listener) receive(ctx context.Context, frame []byte) error {
	if isAuth(frame) {
		return nil
	}
	err := l.caller.mayWrite()
	if err == nil {
		err = l.events.CheckMessage(frame)
	}
	if err == nil {
		err = l.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			if err := l.conversations.Exists(ctx, s, l.id); err != nil {
				return err
			}
			return l.events.RecordMessage(ctx, s, l.id, frame)
		})
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return l.socket.Send(ctx, l.protocol.failed(wire.NotFound(err, "Conversation")))
}

// codeOf returns the kind of an error, and a text that clients may see.
func codeOf(err error) (code, detail string) {
	var invalid *wire.Invalid
	var answer *httpmodule.HTTPError
	switch {
	case errors.As(err, &invalid):
		return "ValidationError", invalid.Error()
	case errors.As(err, &answer) && answer.Status == http.StatusNotImplemented:
		return "NotImplementedError", fmt.Sprint(answer.Detail)
	case errors.As(err, &answer):
		return http.StatusText(answer.Status), fmt.Sprint(answer.Detail)
	}
	if kind := dbmodule.ErrorKind(err); kind != "" {
		return kind, "the message could not be stored"
	}
	return "InternalError", "the message could not be stored"
}

// eventsSocket is /sockets/events/{id}.
func (h *handlers) eventsSocket(c echo.Context) error {
	return h.socket(c, func(id string) (*protocol, error) {
		mode, since := c.QueryParam("resend_mode"), time.Time{}
		if mode == "" && truthy(c.QueryParam("resend_all")) {
			mode = "all"
		}
		switch mode {
		case "", "all":
		case "since":
			at, err := wire.QueryTime(c.QueryParam("after_timestamp"), "after_timestamp")
			if err != nil {
				return nil, err
			}
			if at == nil {
				mode = "" // no replay, as in OpenHands' servers
			} else {
				since = *at
			}
		default:
			return nil, wire.NewInvalid("literal_error", "Input should be 'all' or 'since'", "query", "resend_mode")
		}
		p := &protocol{
			seen:  -1,
			hello: func(ctx context.Context, _ int64) ([]byte, error) { return h.rooms.fullState(ctx, id) },
			from: func(ctx context.Context, through int64) (int64, error) {
				switch mode {
				case "all":
					return -1, nil
				case "since":
					return h.before(ctx, id, since, through)
				}
				return through, nil
			},
			frame:  func(i item) []byte { return i.payload },
			failed: serverError,
		}
		if mode == "since" {
			p.since = since.UnixMicro()
		}
		return p, nil
	})
}

func truthy(text string) bool {
	on, err := strconv.ParseBool(text)
	return err == nil && on
}

// before returns a number so that all events with a timestamp at or after since have a higher one.
func (h *handlers) before(ctx context.Context, id string, since time.Time, through int64) (number int64, err error) {
	err = h.rooms.read(ctx, func(s *dbmodule.Session) error {
		first, there, err := h.events.FirstSince(ctx, s, id, since)
		if number = through; there {
			number = min(first-1, through)
		}
		return err
	})
	return number, err
}

// syncFrame and failure are frames of /sockets/session/{id}.
type (
	syncFrame struct {
		Type    string `json:"type"`
		From    int64  `json:"from_seq"`
		Through *int64 `json:"through_seq"`
	}
	failure struct {
		Type   string `json:"type"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
)

// sessionSocket is /sockets/session/{id}.
func (h *handlers) sessionSocket(c echo.Context) error {
	return h.socket(c, func(string) (*protocol, error) {
		after, replay := int64(-1), c.QueryParams().Has("after_seq")
		if replay {
			var err error
			if after, err = strconv.ParseInt(c.QueryParam("after_seq"), 10, 64); err != nil || after < -1 {
				return nil, wire.NewInvalid("int_parsing", "Input should be a number from -1", "query", "after_seq")
			}
		}
		// If the client has seen more events than there are, it has seen an earlier conversation with
		// this id. It gets only new events.
		begin := func(through int64) int64 {
			if replay {
				return min(after, through)
			}
			return through
		}
		return &protocol{
			seen: after,
			hello: func(_ context.Context, through int64) ([]byte, error) {
				s := syncFrame{Type: "sync", From: begin(through) + 1}
				if through >= 0 {
					s.Through = &through
				}
				return json.Marshal(s)
			},
			from: func(_ context.Context, through int64) (int64, error) { return begin(through), nil },
			frame: func(i item) []byte {
				if i.number < 0 {
					return append(append([]byte(`{"type":"transient","event":`), i.payload...), '}')
				}
				frame := append([]byte(`{"type":"durable","seq":`), strconv.FormatInt(i.number, 10)...)
				return append(append(append(frame, `,"event":`...), i.payload...), '}')
			},
			failed: func(err error) []byte {
				f := failure{Type: "error"}
				f.Code, f.Detail = codeOf(err)
				text, _ := json.Marshal(f) //nolint:errchkjson // to encode texts never fails
				return text
			},
		}, nil
	})
}
