// Package scale fills the server's own tables with as many events as wanted
// and measures what its routes cost on many and on few.
package scale

import (
	"encoding/binary"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
)

const (
	// perConversation is how many events a conversation has, however many
	// conversations there are.
	perConversation = 1000
	// active is how many conversations get events at the same time, and burst
	// how many events come at once: so are the rows of a conversation spread
	// over the table.
	active = 16
	burst  = 20
)

// Data describes the rows without holding them. They are the same each time.
type Data struct{ Rows int64 }

// Conversations is how many there are: number 0 has a tenth of all events, all
// others have 1000 each.
func (d Data) Conversations() int64 { return 1 + (d.Rows-d.Rows/10)/perConversation }

// EventCount is how many events a conversation has.
func (d Data) EventCount(conversation int64) int64 {
	if conversation == 0 {
		return d.Rows - (d.Conversations()-1)*perConversation
	}
	return perConversation
}

var (
	space = uuid.MustParse("5d1f3a0e-93bb-4e0c-8f7c-8a4b6a1f2c3d")
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// ConversationID is the nth conversation. It is the same in every size of data.
func ConversationID(n int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return uuid.NewSHA1(space, b[:]).String()
}

// conversation is a row as the server makes it for events that come first.
func (d Data) conversation(n int64) *conversations.Conversation {
	at := d.createdAt(n)
	title := fmt.Sprintf("Conversation %d about the weather", n)
	folded := strings.ToLower(title)
	return &conversations.Conversation{
		ID: ConversationID(n), Title: &title, TitleFolded: &folded, ExecutionStatus: statuses[n%int64(len(statuses))],
		Agent:     `{"kind":"Agent","llm":{"model":"openhands/claude-sonnet","usage_id":"agent"}}`,
		Workspace: `{"kind":"LocalWorkspace","working_dir":"workspace/project"}`, ConfirmationPolicy: `{"kind":"NeverConfirm"}`,
		Stats: `{"usage_to_metrics":{}}`, Tags: "{}", Details: "{}", MaxIterations: 500, StuckDetection: true,
		AgentKind: "openhands", PRNumbers: "[]", EventCount: d.EventCount(n), Numbered: d.EventCount(n), CreatedAt: at, UpdatedAt: at,
	}
}

var statuses = [...]string{"idle", "running", "finished", "error"}

func (Data) createdAt(n int64) time.Time { return epoch.Add(time.Duration(n) * time.Second) }

// tallies are the rows with which the server counts a conversation's events.
func (d Data) tallies(conversation int64) []*events.Tally {
	type key struct{ kind, source string }
	counts := map[key]int64{}
	for n := range d.EventCount(conversation) {
		kind, source := kindOf(n)
		counts[key{kind, source}]++
	}
	var rows []*events.Tally
	for k, n := range counts {
		rows = append(rows, &events.Tally{ConversationID: ConversationID(conversation), Kind: k.kind, Source: k.source, N: n})
	}
	return rows
}

// kindOf is what the nth event of a conversation is.
func kindOf(n int64) (kind, source string) {
	switch n % 10 {
	case 0:
		return "MessageEvent", "user"
	case 5:
		return "MessageEvent", "agent"
	case 1, 3, 6, 8:
		return "ActionEvent", "agent"
	default:
		return "ObservationEvent", "environment"
	}
}

// slot is a conversation that gets events.
type slot struct{ conversation, next, count int64 }

// Events yields all events in the order in which they come. What it yields is
// the same object each time.
func (d Data) Events() iter.Seq[*events.Event] {
	return func(yield func(*events.Event) bool) {
		next, total := int64(1), d.Conversations()
		var slots []*slot
		for next < total && len(slots) < active {
			slots = append(slots, &slot{conversation: next, count: perConversation})
			next++
		}
		big := &slot{count: d.EventCount(0)}
		var e events.Event
		serial := int64(0)
		send := func(s *slot, n int64) bool {
			id := ConversationID(s.conversation)
			for end := min(s.next+n, s.count); s.next < end; s.next++ {
				serial++
				fill(&e, id, s.conversation, s.next, serial)
				if !yield(&e) {
					return false
				}
			}
			return true
		}
		for len(slots) > 0 {
			for i := 0; i < len(slots); i++ {
				if !send(slots[i], burst) {
					return
				}
				if slots[i].next < slots[i].count {
					continue
				}
				if next < total {
					slots[i] = &slot{conversation: next, count: perConversation}
					next++
				} else {
					slots = append(slots[:i], slots[i+1:]...)
					i--
				}
			}
			// A ninth of what the others get makes a tenth of all.
			if !send(big, max(active*burst/9, 1)) {
				return
			}
		}
		send(big, big.count)
	}
}

// fill writes the nth event of a conversation over e.
func fill(e *events.Event, conversationID string, conversation, n, serial int64) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(conversation))
	binary.BigEndian.PutUint64(b[8:], uint64(n))
	at := epoch.Add(time.Duration(serial) * time.Millisecond)
	*e = events.Event{ConversationID: conversationID, Number: &n, ID: uuid.NewSHA1(space, b[:]).String(), Micros: at.UnixMicro()}
	stamp := at.Format("2006-01-02T15:04:05.000000")
	e.Kind, e.Source = kindOf(n)
	switch e.Kind {
	case "MessageEvent":
		e.Final = e.Source == "agent"
		body := fmt.Sprintf("message %d: please look at the failing test in the parser and say what is wrong with it", n)
		e.Body = &body
		role := map[bool]string{false: "user", true: "assistant"}[e.Final]
		e.Payload = `{"id":"` + e.ID + `","timestamp":"` + stamp + `","source":"` + e.Source +
			`","llm_message":{"role":"` + role + `","content":[{"cache_prompt":false,"type":"text","text":"` + body +
			`"}]},"activated_skills":[],"extended_content":[],"kind":"MessageEvent"}`
	case "ActionEvent":
		e.Payload = `{"id":"` + e.ID + `","timestamp":"` + stamp + `","source":"agent","thought":[{"type":"text","text":"` +
			`I run the tests to see what fails."}],"action":{"command":"go test ./parser -run TestLiterals","is_input":false,` +
			`"timeout":null,"reset":false,"kind":"TerminalAction"},"tool_name":"terminal","tool_call_id":"call_` +
			fmt.Sprint(serial) + `","security_risk":"LOW","kind":"ActionEvent"}`
	default:
		e.Payload = `{"id":"` + e.ID + `","timestamp":"` + stamp + `","source":"environment","tool_name":"terminal",` +
			`"tool_call_id":"call_` + fmt.Sprint(serial-1) + `","observation":{"content":[{"type":"text","text":"` +
			strings.Repeat("ok  parser 0.012s coverage of statements ", 5) +
			`"}],"is_error":false,"exit_code":0,"timeout":false,"kind":"TerminalObservation"},"kind":"ObservationEvent"}`
	}
}
