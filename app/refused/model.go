// Package refused keeps deliveries of agent servers that the store refused, until a person
// retries or drops them.
package refused

import (
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
)

// Module adds the model and the [Store].
var Module = fx.Module("refused",
	dbmodule.Models((*Delivery)(nil)),
	fx.Provide(NewStore),
)

// Delivery is a row of refused_deliveries: a whole body, or one event of a batch.
type Delivery struct {
	bun.BaseModel `bun:"table:refused_deliveries,alias:delivery"`

	// ID counts up.
	ID int64 `bun:"id,pk,autoincrement"`
	// Digest tells a delivery that comes again.
	Digest string `bun:"digest,notnull,type:varchar(64),unique"`
	// What is one of the constants below.
	What string `bun:"what,notnull,type:varchar(32)"`
	// ConversationID is a UUID, dashed and in lower case; nil if it is not known. There
	// need not be such a conversation.
	ConversationID *string `bun:"conversation_id,type:varchar(36)"`
	// Reason is for people: what is wrong, and where.
	Reason string `bun:"reason,notnull,type:text"`
	// Size of what was delivered, in bytes.
	Size int64 `bun:"size,notnull"`
	// Body is what was delivered, nil if it was too large to be kept.
	Body []byte `bun:"body"`
	// Times is how often it came.
	Times int64 `bun:"times,notnull"`
	// ReceivedAt is when it came first, in UTC.
	ReceivedAt time.Time `bun:"received_at,notnull"`
}

// What was delivered.
const (
	// Event is one event of a batch.
	Event = "event"
	// Batch is a body that should have been a JSON array of events.
	Batch = "events"
	// Conversation is a push of a conversation's state. What could be read of it is stored.
	Conversation = "conversation"
)

// What is kept.
const (
	// MostKept is how many deliveries are kept: the oldest go first.
	MostKept = 1000
	// KeptFor is how long they are kept.
	KeptFor = 30 * 24 * time.Hour
	// LargestBody is how large a body may be to be kept, in bytes.
	LargestBody = 4 << 20
)
