package events

import (
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
)

// Filter selects events of a conversation. The zero value selects all.
type Filter struct {
	Kind   string
	Source string
	// Body selects messages whose text contains it, without regard to case. The database reads
	// every message of the conversation that meets the other conditions.
	Body   string
	From   *time.Time // at or after
	Before *time.Time
}

func (f Filter) empty() bool { return f == Filter{} }

// from removes the bound that the cursor makes redundant. Of two bounds SQLite may use either, and would skip
// all events between them.
func (f Filter) from(micros int64, after string) Filter {
	if after == ">" && f.From != nil && f.From.UnixMicro() <= micros {
		f.From = nil
	}
	if after == "<" && f.Before != nil && f.Before.UnixMicro() > micros {
		f.Before = nil
	}
	return f
}

// apply adds the filter's conditions.
func (f Filter) apply(q *bun.SelectQuery, conversationID any) *bun.SelectQuery {
	q = q.Where("event.conversation_id = ?", conversationID)
	kind := kindKey(f.Kind)
	if f.Body != "" && kind == "" {
		kind = kindMessage // only messages have a body, and there is an index on the kind
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

// MySQL and MariaDB are forced to use the index with the page's order, because they choose badly. All indexes
// begin with the conversation, and MariaDB takes any of them for that column alone. It then switches to the
// index that has the order, but reads it from the conversation's first event instead of the page's first one.
const (
	orderIndex  = "ix_events_conversation_id_ts_seq"
	kindIndex   = "ix_events_conversation_id_kind_ts_seq"
	numberIndex = "uq_events_conversation_id_number"
)

// index returns the index that has the page's order.
func (f Filter) index() string {
	if f.Kind != "" || f.Body != "" {
		return kindIndex
	}
	return orderIndex
}

// kindKey returns the stored form of a kind. Older clients send the Python class with its module.
func kindKey(kind string) string {
	if strings.HasPrefix(kind, "openhands.") {
		kind = kind[strings.LastIndexByte(kind, '.')+1:]
	}
	return nameKey(kind)
}
