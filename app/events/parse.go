package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/wire"
)

const (
	maxID   = 255
	maxName = 255

	kindMessage = "MessageEvent"
	kindAction  = "ActionEvent"
	kindState   = "ConversationStateUpdateEvent"
	kindDelta   = "StreamingDeltaEvent"
	sourceAgent = "agent"
	sourceUser  = "user"
)

// Incoming is an event that was read but not stored.
type Incoming struct {
	Event
	// State is what it says of the conversation's state, nil for nothing.
	State *conversations.Patch
	// Transient events are no part of a conversation's history, as in an agent
	// server's own event log: pieces of a message that comes whole later, and
	// repetitions of the whole state. What they say of the state counts.
	Transient bool
}

// ParseBatch reads a JSON array of events. An element that is not an object with
// an id of its own is a [wire.Invalid], below "body": nothing of the batch may be
// stored then. Whatever else an event holds is accepted if it is JSON: a writer
// repeats a refused batch until it has to drop events. at stands in for a
// missing timestamp.
func ParseBatch(raw []byte, at time.Time) ([]*Incoming, error) {
	elements, err := wire.ParseArray(raw)
	if err != nil {
		return nil, wire.Under(err, "body")
	}
	batch := make([]*Incoming, len(elements))
	for i, element := range elements {
		if batch[i], err = parse(element, at); err != nil {
			return nil, wire.Under(err, "body", i)
		}
	}
	return batch, nil
}

// parse reads an event that is known to be valid JSON.
func parse(raw []byte, at time.Time) (*Incoming, error) {
	object, err := wire.Members(raw)
	if err != nil {
		return nil, err
	}
	e := &Incoming{Event: Event{Payload: string(raw), Micros: at.UnixMicro()}}
	if e.ID, err = eventID(object); err != nil {
		return nil, err
	}
	if e.Kind, err = name(object, "kind"); err != nil {
		return nil, err
	}
	if e.Source, err = name(object, "source"); err != nil {
		return nil, err
	}
	if stamp, err := object.String("timestamp", 0); err != nil {
		return nil, err
	} else if stamp != nil {
		t, err := wire.ParseTime(*stamp)
		if err != nil {
			return nil, wire.Under(err, "timestamp")
		}
		e.Micros = t.UnixMicro()
	}
	switch e.Kind {
	case kindMessage:
		body := wire.Fold(searchable(object))
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

func eventID(o wire.Object) (string, error) {
	id, err := o.String("id", maxID)
	if err != nil {
		return "", err
	}
	if id == nil {
		return "", wire.NewInvalid("missing", "Field required", "id")
	}
	return *id, wire.Under(CheckID(*id), "id")
}

// CheckID says what is wrong with an event's id. White space is refused since
// engines differ on whether it counts at the end of a text, and what Unicode
// replaces since two such ids would be one.
func CheckID(id string) error {
	if id == "" {
		return wire.NewInvalid("string_too_short", "String should have at least 1 character")
	}
	if err := wire.CheckText(id, maxID); err != nil {
		return err
	}
	odd := func(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) }
	if !utf8.ValidString(id) || strings.ContainsFunc(id, odd) {
		return wire.NewInvalid("event_id", "An event's id should have neither white space nor control characters")
	}
	return nil
}

func name(o wire.Object, member string) (string, error) {
	s, err := o.String(member, maxName)
	if err != nil || s == nil {
		return "", err
	}
	return *s, nil
}

// searchable is what the body filter sees of a message: its text, the text that
// was added to it and its reasoning.
func searchable(message wire.Object) string {
	var parts []string
	if m, err := message.Object("llm_message"); err == nil && m != nil {
		parts = append(parts, texts(m["content"])...)
		parts = append(parts, texts(message["extended_content"])...)
		parts = append(parts, looseText(m["reasoning_content"]))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// texts are the parts of a message's content; an image counts its URLs.
func texts(content []byte) []string {
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
			parts = append(parts, fmt.Sprintf("[Image: %d URLs]", len(urls)))
			continue
		}
		parts = append(parts, looseText(object["text"]))
	}
	return parts
}

// looseText is a JSON string's text, "" for anything else.
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

// finishes says whether an agent's action ends the conversation.
func finishes(action wire.Object) bool {
	if looseText(action["tool_name"]) == "finish" {
		return true
	}
	inner, err := action.Object("action")
	return err == nil && inner != nil && looseText(inner["kind"]) == "FinishAction"
}

// FinalResponse is the text that an event with Final set ends with.
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
	return strings.Join(texts(message["content"]), "")
}
