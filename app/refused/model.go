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

	// ID is assigned in ascending order.
	ID int64 `bun:"id,pk,autoincrement"`
	// Digest is the same for a delivery that comes again.
	Digest string `bun:"digest,notnull,type:varchar(64),unique"`
	// What is one of the constants below.
	What string `bun:"what,notnull,type:varchar(32)"`
	// ConversationID is a UUID, dashed and in lower case, or nil if it is not known. The
	// conversation need not exist.
	ConversationID *string `bun:"conversation_id,type:varchar(36)"`
	// Reason says what is wrong, and where.
	Reason string `bun:"reason,notnull,type:text"`
	// Size is the delivery's size in bytes.
	Size int64 `bun:"size,notnull"`
	// Body is the delivery, or nil if it was too large to be kept.
	Body []byte `bun:"body"`
	// Times is how many times it was delivered.
	Times int64 `bun:"times,notnull"`
	// ReceivedAt is the time of the first delivery, in UTC.
	ReceivedAt time.Time `bun:"received_at,notnull"`
}

// Values of [Delivery.What].
const (
	// Event is one event of a batch.
	Event = "event"
	// Batch is a body that should have been a JSON array of events.
	Batch = "events"
	// Conversation is a push of a conversation's state. Its valid parts are stored.
	Conversation = "conversation"
)

// Limits of what is kept.
const (
	// MostKept is how many deliveries are kept. The oldest are deleted first.
	MostKept = 1000
	// KeptFor is how long a delivery is kept.
	KeptFor = 30 * 24 * time.Hour
	// LargestBody is the size in bytes of the largest body that is kept.
	LargestBody = 4 << 20
)
