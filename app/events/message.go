package events

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

// message has the members of a SendMessageRequest that are used.
type message struct {
	role    string
	content json.RawMessage
	run     bool
}

func parseMessage(raw []byte) (*message, error) {
	object, err := wire.ParseObject(raw)
	if err != nil {
		return nil, err
	}
	m := &message{role: "user", content: json.RawMessage("[]")}
	role, err := object.String("role", 0)
	if err != nil {
		return nil, err
	}
	if role != nil {
		m.role = *role
	}
	switch m.role {
	case "user", "assistant", "system", "tool":
	default:
		return nil, wire.NewInvalid("literal_error", "Input should be 'user', 'system', 'assistant' or 'tool'", "role")
	}
	if object.Has("content") {
		if err := checkContent(object["content"]); err != nil {
			return nil, wire.Under(err, "content")
		}
		m.content = object["content"]
	}
	run, err := object.Bool("run")
	if err != nil {
		return nil, err
	}
	m.run = run != nil && *run
	return m, nil
}

func checkContent(raw []byte) error {
	parts, err := wire.Elements(raw)
	if err != nil {
		return err
	}
	for i, raw := range parts {
		part, err := wire.Members(raw)
		if err != nil {
			return wire.Under(err, i)
		}
		switch kind := looseText(part["type"]); {
		case kind == "image" || kind == "" && part.Has("image_urls"):
			urls, err := wire.Elements(part["image_urls"])
			if err != nil {
				return wire.NewInvalid("list_type", "Input should be a valid list", i, "image_urls")
			}
			for j, url := range urls {
				if wire.Kind(url) != '"' {
					return wire.NewInvalid("string_type", "Input should be a valid string", i, "image_urls", j)
				}
			}
		case kind == "text" || kind == "" && part.Has("text"):
			if wire.Kind(part["text"]) != '"' {
				return wire.NewInvalid("string_type", "Input should be a valid string", i, "text")
			}
		default:
			return wire.NewInvalid("union_tag_invalid", "type should be 'text' or 'image'", i, "type")
		}
	}
	return nil
}

// event makes the MessageEvent that an agent server would make, with the content unchanged.
func (m *message) event(at time.Time) (*Incoming, error) {
	id, err := wire.NewID()
	if err != nil {
		return nil, err
	}
	source := map[string]string{"user": "user", "assistant": sourceAgent}[m.role]
	if source == "" {
		source = "environment"
	}
	payload := []byte(`{"id":"` + id + `","timestamp":"` + at.UTC().Format("2006-01-02T15:04:05.000000") +
		`","source":"` + source + `","llm_message":{"role":"` + m.role + `","content":`)
	payload = append(payload, m.content...)
	payload = append(payload, `},"activated_skills":[],"extended_content":[],"kind":"`+kindMessage+`"}`...)
	return parse(payload, at)
}

// CheckMessage returns an error if a message is invalid. A message that asks the agent to run is refused with
// 501, because there is no agent.
func (*Store) CheckMessage(raw []byte) error {
	m, err := parseMessage(raw)
	if err == nil && m.run {
		err = wire.NoAgent("run")
	}
	return err
}

// RecordMessage stores a message as an event of an existing conversation, in
// db's transaction.
func (s *Store) RecordMessage(ctx context.Context, db *dbmodule.Session, conversationID string, raw []byte) error {
	m, err := parseMessage(raw)
	if err != nil {
		return err
	}
	e, err := m.event(wire.Now())
	if err == nil && s.redact {
		var clean []byte
		if clean, err = wire.RedactEvent([]byte(e.Payload)); err == nil {
			e, err = parse(clean, wire.Now())
		}
	}
	if err != nil {
		return err
	}
	_, err = s.Add(ctx, db, conversationID, []*Incoming{e})
	return err
}
