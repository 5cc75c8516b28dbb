package events

import (
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
)

// Filter chooses events of a conversation. Its zero value chooses all.
type Filter struct {
	Kind   string
	Source string
	// Body is looked for in the text of messages, whatever the case. It reads
	// every message of the conversation that the other conditions leave.
	Body   string
	From   *time.Time // at or after
	Before *time.Time
}

func (f Filter) empty() bool { return f == Filter{} }

// from leaves out the bound behind which a page begins anyway: of two bounds SQLite takes any,
// and would pass over all events between them.
func (f Filter) from(micros int64, after string) Filter {
	if after == ">" && f.From != nil && f.From.UnixMicro() <= micros {
		f.From = nil
	}
	if after == "<" && f.Before != nil && f.Before.UnixMicro() > micros {
		f.Before = nil
	}
	return f
}

func (f Filter) apply(q *bun.SelectQuery, conversationID any) *bun.SelectQuery {
	q = q.Where("event.conversation_id = ?", conversationID)
	kind := kindKey(f.Kind)
	if f.Body != "" && kind == "" {
		kind = kindMessage // only messages have a body, and this has an index
	}
	if kind != "" {
		q = q.Where("event.kind = ?", kind)
	}
	if f.Source != "" {
		q = q.Where("event.source = ?", nameKey(f.Source))
	}
	if f.Body != "" {
		q = conversations.Contains(q, "event.body", f.Body)
	}
	if f.From != nil {
		q = q.Where("event.ts >= ?", f.From.UnixMicro())
	}
	if f.Before != nil {
		q = q.Where("event.ts < ?", f.Before.UnixMicro())
	}
	return q
}

// MySQL and MariaDB are told which index has the order of what is read, for they choose badly.
// All indexes begin with the conversation. MariaDB takes any of them for that column alone. Then
// it goes over to the one that has the order, and forgets that it could begin where the page begins:
// it reads all that the index has before that.
const (
	orderIndex  = "ix_events_conversation_id_ts_seq"
	kindIndex   = "ix_events_conversation_id_kind_ts_seq"
	numberIndex = "uq_events_conversation_id_number"
)

// index is the index that has a page in its order.
func (f Filter) index() string {
	if f.Kind != "" || f.Body != "" {
		return kindIndex
	}
	return orderIndex
}

// kindKey is a kind as the store has it: older clients name the Python class
// with its module.
func kindKey(kind string) string {
	if strings.HasPrefix(kind, "openhands.") {
		kind = kind[strings.LastIndexByte(kind, '.')+1:]
	}
	return nameKey(kind)
}
