package live

import (
	"context"
	"fmt"
	"sync"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/feed"
)

// topic is the feed's topic for conversations: its keys are their ids.
const topic = "conversation"

// Announcer tells what units of work store: all processes by the feed that a conversation has
// changed, and who listens in this one what is not stored.
type Announcer struct {
	feed *feed.Feed

	mu     sync.RWMutex
	relays map[string]func(kind string, payload []byte)
}

var _ events.Publisher = (*Announcer)(nil)

// NewAnnouncer makes an Announcer.
func NewAnnouncer(f *feed.Feed) *Announcer {
	return &Announcer{feed: f, relays: make(map[string]func(string, []byte))}
}

// Publish implements events.Publisher. Repetitions of the whole state are told with their secrets
// masked, as the state is stored.
func (a *Announcer) Publish(ctx context.Context, db bun.IDB, conversationID string, stored bool, transient []*events.Incoming) error {
	s, ok := db.(*dbmodule.Session)
	if !ok {
		return fmt.Errorf("live: publish: %T is no session, and it is not known when it commits", db)
	}
	if stored {
		if err := a.feed.Publish(ctx, s, topic, conversationID); err != nil {
			return err
		}
	}
	if len(transient) == 0 || a.relay(conversationID) == nil {
		return nil
	}
	s.AfterCommit(func(context.Context) {
		relay := a.relay(conversationID)
		for _, e := range transient {
			payload := []byte(e.Payload)
			if e.State != nil {
				clean, err := wire.RedactEvent(payload)
				if err != nil {
					continue
				}
				payload = clean
			}
			if relay != nil {
				relay(e.Kind, payload)
			}
		}
	})
	return nil
}

func (a *Announcer) relay(conversationID string) func(kind string, payload []byte) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.relays[conversationID]
}

// listen has what is not stored told to relay; nil ends that.
func (a *Announcer) listen(conversationID string, relay func(kind string, payload []byte)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if relay == nil {
		delete(a.relays, conversationID)
		return
	}
	a.relays[conversationID] = relay
}
