package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/wire"
)

const (
	// maxBody is how many bytes of a message's text can be searched. CONCAT of MySQL and MariaDB
	// makes no text above max_allowed_packet, 16 MiB by default.
	maxBody = 8 << 20

	// maxID is how many characters a column can hold.
	maxID = 255

	kindMessage = "MessageEvent"
	kindAction  = "ActionEvent"
	kindState   = "ConversationStateUpdateEvent"
	kindDelta   = "StreamingDeltaEvent"
	sourceAgent = "agent"
	sourceUser  = "user"
)

// Incoming is a parsed event that is not stored yet.
type Incoming struct {
	Event
	// Index is its place in the batch, from 0.
	Index int
	// State is its update of the conversation's state, or nil.
	State *conversations.Patch
	// Transient events are not stored, as in an agent server's own event log: token deltas, whose
	// message comes as a whole later, and updates that contain the whole state. Their state
	// updates are applied.
	Transient bool
}

// Refused is an element of a batch that can't be stored.
type Refused struct {
	// Index is its place in the batch, from 0.
	Index int
	// Reason is a [wire.Invalid] below "body" and the index.
	Reason error
	// Body is the element itself, or nil if its secrets could not be masked.
	Body []byte
}

// ParseBatch parses a JSON array of events. If raw is not a complete array, the error is a [wire.Invalid] below
// "body". An element that is not JSON, or not an object with an id, is refused. Anything else is accepted,
// because a sender repeats a refused batch until it has to drop events. at is used for a timestamp that is
// missing or can't be parsed.
func ParseBatch(raw []byte, at time.Time) (batch []*Incoming, refused []Refused, err error) {
	return parseBatch(raw, at, false)
}

// ParseBatch is the function [ParseBatch]. If [Config.Redaction] is set, it first masks the events' secrets.
func (s *Store) ParseBatch(raw []byte, at time.Time) (batch []*Incoming, refused []Refused, err error) {
	return parseBatch(raw, at, s.redact)
}

func parseBatch(raw []byte, at time.Time, redact bool) (batch []*Incoming, refused []Refused, err error) {
	elements, err := wire.ParseArray(raw)
	check := func([]byte) error { return nil }
	if err != nil {
		var ok bool
		if elements, ok = wire.SplitArray(raw); !ok {
			return nil, nil, wire.Under(err, "body")
		}
		check = wire.CheckJSON
	}
	batch = make([]*Incoming, 0, len(elements))
	for i, element := range elements {
		var e *Incoming
		err := check(element)
		if redact && err != nil {
			element = nil // its secrets can't be found
		} else if redact {
			if element, err = wire.RedactEvent(element); err != nil {
				element = nil
			}
		}
		if err == nil {
			e, err = parse(element, at)
		}
		if err != nil {
			refused = append(refused, Refused{Index: i, Reason: wire.Under(err, "body", i), Body: element})
			continue
		}
		e.Index = i
		batch = append(batch, e)
	}
	return batch, refused, nil
}

// parse parses an event, which must be valid JSON.
func parse(raw []byte, at time.Time) (*Incoming, error) {
	object, err := wire.Members(raw)
	if err != nil {
		return nil, err
	}
	e := &Incoming{Event: Event{Payload: string(raw), Micros: at.UnixMicro()}}
	if e.ID, err = eventID(object); err != nil {
		return nil, err
	}
	e.Kind, e.Source = nameKey(looseText(object["kind"])), nameKey(looseText(object["source"]))
	if t, err := wire.ParseTime(looseText(object["timestamp"])); err == nil {
		e.Micros = t.UnixMicro()
	}
	switch e.Kind {
	case kindMessage:
		body := wire.Fold(head(searchable(object), maxBody))
		e.Body = &body
		e.Final = e.Source == sourceAgent
	case kindAction:
		e.Final = e.Source == sourceAgent && finishes(object)
	case kindState:
		if key, err := object.String("key", 0); err == nil && key != nil {
			e.State = conversations.ParseState(*key, object["value"])
			e.Transient = conversations.IsFullState(*key)
		}
	case kindDelta:
		e.Transient = true
	}
	return e, nil
}

// eventID returns the key of an event's id.
func eventID(o wire.Object) (string, error) {
	switch {
	case !o.Has("id"):
		return "", wire.NewInvalid("missing", "Field required", "id")
	case wire.Kind(o["id"]) != '"':
		return "", wire.NewInvalid("string_type", "Input should be a valid string", "id")
	}
	key := keyOfJSON(o["id"])
	if key == "" {
		return "", wire.NewInvalid("string_too_short", "String should have at least 1 character", "id")
	}
	return key, nil
}

// head returns at most the first n bytes of a text, without cutting a character.
func head(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// searchable returns the text that the body filter searches: the message's text, its extended content and its
// reasoning.
func searchable(message wire.Object) string {
	var parts []string
	if m, err := message.Object("llm_message"); err == nil && m != nil {
		parts = append(parts, texts(m["content"], true)...)
		parts = append(parts, texts(message["extended_content"], true)...)
		parts = append(parts, looseText(m["reasoning_content"]))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// texts are the parts of a message's content; an image, if images are wanted, counts its URLs.
func texts(content []byte, images bool) []string {
	if wire.Kind(content) == '"' {
		return []string{looseText(content)}
	}
	elements, err := wire.Elements(content)
	if err != nil {
		return nil
	}
	var parts []string
	for _, element := range elements {
		object, err := wire.Members(element)
		if err != nil {
			continue
		}
		if urls, err := wire.Elements(object["image_urls"]); err == nil {
			if images {
				parts = append(parts, fmt.Sprintf("[Image: %d URLs]", len(urls)))
			}
			continue
		}
		parts = append(parts, looseText(object["text"]))
	}
	return parts
}

// looseText returns the text of a JSON string, or "" for any other value.
func looseText(raw []byte) string {
	if wire.Kind(raw) != '"' {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// finishes reports whether an agent's action is finish, which ends its work.
func finishes(action wire.Object) bool {
	if looseText(action["tool_name"]) == "finish" {
		return true
	}
	inner, err := action.Object("action")
	return err == nil && inner != nil && looseText(inner["kind"]) == "FinishAction"
}

// FinalResponse returns the agent's text in the payload of an event with Final set.
func FinalResponse(payload string) string {
	object, err := wire.Members([]byte(payload))
	if err != nil {
		return ""
	}
	if looseText(object["kind"]) == kindAction {
		action, err := object.Object("action")
		if err != nil || action == nil {
			return ""
		}
		return looseText(action["message"])
	}
	message, err := object.Object("llm_message")
	if err != nil || message == nil {
		return ""
	}
	return strings.Join(texts(message["content"], true), "")
}
