package events

import (
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
)

// Event is a row of events. Payload is the event itself. The other columns are extracted from it when it is
// stored, for listings and filters.
type Event struct {
	bun.BaseModel `bun:"table:events,alias:event"`

	// Seq numbers all events in the order of arrival.
	Seq            int64  `bun:"seq,pk,autoincrement"`
	ConversationID string `bun:"conversation_id,notnull,type:varchar(36) collate utf8mb4_bin,unique:conversation_event"`
	// Number is the event's position in its conversation, from 0 in the order of arrival, without
	// gaps. Clients call it seq, and live streams resume from it. It is assigned under the
	// conversation's lock and never changes. Earlier builds leave it nil: see number.
	Number *int64 `bun:"number"`
	// ID is unique in its conversation. The writer chooses it. The column has its key, see keyOf;
	// Kind and Source have their keys too, see nameKey.
	ID     string `bun:"id,notnull,type:varchar(255) collate utf8mb4_bin,unique:conversation_event"`
	Kind   string `bun:"kind,notnull,type:varchar(255) collate utf8mb4_bin"`
	Source string `bun:"source,notnull,type:varchar(255) collate utf8mb4_bin"`
	// Micros is the event's timestamp in microseconds since 1970, for sorting. A timestamp without
	// an offset is taken as UTC. The payload has it unchanged.
	Micros int64 `bun:"ts,notnull"`
	// Final says that the event may be the agent's final response: see [Store.FinalResponse].
	Final bool `bun:"final,notnull"`
	// Body is the folded text of a message, at most 8 MiB of it, for the body filter.
	Body *string `bun:"body,type:text"`
	// Payload is the event, unchanged byte for byte, or empty if Packed has it.
	Payload string `bun:"payload,notnull,type:text"`
	// Packed is a large payload, packed by package packing, or nil.
	Packed []byte `bun:"payload_packed"`

	Conversation *conversations.Conversation `bun:"rel:belongs-to,join:conversation_id=id,on_delete:CASCADE"`
}

// Indexes returns the indexes for listings of a conversation's events: all, of one kind, and by number.
func (*Event) Indexes() []dbmodule.Index {
	return []dbmodule.Index{
		{Columns: []string{"conversation_id", "ts", "seq"}},
		{Columns: []string{"conversation_id", "kind", "ts", "seq"}},
		{Columns: []string{"conversation_id", "number"}, Unique: true},
	}
}
