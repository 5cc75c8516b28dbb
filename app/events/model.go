package events

import (
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
)

// Event is a row of events. What it means is in Payload; the other columns are
// read from it when it comes, so that it can be found.
type Event struct {
	bun.BaseModel `bun:"table:events,alias:event"`

	// Seq numbers events as they come.
	Seq            int64  `bun:"seq,pk,autoincrement"`
	ConversationID string `bun:"conversation_id,notnull,type:varchar(36) collate utf8mb4_bin,unique:conversation_event"`
	// Number is the event's place in its conversation, from 0 in the order of arrival,
	// without gaps: what clients call seq, and what live streams resume from. It is given
	// under the conversation's lock and never changed. Builds before it was there leave it
	// nil: see number.
	Number *int64 `bun:"number"`
	// ID is unique in its conversation. Writers choose it; the column has its key (see
	// keyOf), and so have Kind and Source (see nameKey).
	ID     string `bun:"id,notnull,type:varchar(255) collate utf8mb4_bin,unique:conversation_event"`
	Kind   string `bun:"kind,notnull,type:varchar(255) collate utf8mb4_bin"`
	Source string `bun:"source,notnull,type:varchar(255) collate utf8mb4_bin"`
	// Micros is the event's timestamp in microseconds since 1970, for sorting;
	// one without an offset is taken as UTC. The payload has it as it came.
	Micros int64 `bun:"ts,notnull"`
	// Final says that the agent may have ended with these words.
	Final bool `bun:"final,notnull"`
	// Body is a message's text, folded, as the body filter searches it: its first 8 MiB.
	Body *string `bun:"body,type:text"`
	// Payload is the event byte for byte as it came, or empty where Packed has it.
	Payload string `bun:"payload,notnull,type:text"`
	// Packed is a large payload as package packing packs it, nil for others.
	Packed []byte `bun:"payload_packed"`

	Conversation *conversations.Conversation `bun:"rel:belongs-to,join:conversation_id=id,on_delete:CASCADE"`
}

// Indexes serve the listing of a conversation, of all events or of one kind.
func (*Event) Indexes() []dbmodule.Index {
	return []dbmodule.Index{
		{Columns: []string{"conversation_id", "ts", "seq"}},
		{Columns: []string{"conversation_id", "kind", "ts", "seq"}},
		{Columns: []string{"conversation_id", "number"}, Unique: true},
	}
}
