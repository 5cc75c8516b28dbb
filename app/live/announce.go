package live

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/feed"
)

const (
	// topic is the feed's topic for conversations: its keys are their ids.
	topic = "conversation"
	// listTopic is the one for all of them together: its key is empty.
	listTopic = "conversations"
)

// Announcer tells all processes by the feed what units of work change, and hands on pieces of
// messages, which are not stored.
type Announcer struct{ feed *feed.Feed }

var (
	_ conversations.Publisher = (*Announcer)(nil)
	_ events.Publisher        = (*Announcer)(nil)
)

// NewAnnouncer makes an Announcer.
func NewAnnouncer(f *feed.Feed) *Announcer { return &Announcer{feed: f} }

// Changed implements conversations.Publisher.
func (a *Announcer) Changed(ctx context.Context, db bun.IDB, id string) error {
	s, err := session(db)
	if err != nil {
		return err
	}
	if err := a.feed.Publish(ctx, s, topic, id); err != nil {
		return err
	}
	return a.feed.Publish(ctx, s, listTopic, "")
}

// Pass implements events.Publisher.
func (a *Announcer) Pass(ctx context.Context, db bun.IDB, conversationID string, passing []*events.Incoming) error {
	s, err := session(db)
	if err != nil {
		return err
	}
	for _, e := range passing {
		if err := a.feed.Pass(ctx, s, topic, conversationID, []byte(e.Payload)); err != nil {
			return err
		}
	}
	return nil
}

func session(db bun.IDB) (*dbmodule.Session, error) {
	s, ok := db.(*dbmodule.Session)
	if !ok {
		return nil, fmt.Errorf("live: announce: %T is no session, and it is not known when it commits", db)
	}
	return s, nil
}

// Topic is the feed's topic for conversations.
func Topic() feed.Topic {
	store := conversations.NewStore()
	return feed.Topic{Name: topic, Versions: func(ctx context.Context, db bun.IDB, ids []string) (map[string]int64, error) {
		found, err := store.Standings(ctx, db, ids)
		versions := make(map[string]int64, len(found))
		for id, standing := range found {
			versions[id] = standing.Version()
		}
		return versions, err
	}}
}

// ListTopic is the feed's topic for all conversations together, as far as the list follows them.
func ListTopic() feed.Topic {
	store := conversations.NewStore()
	return feed.Topic{Name: listTopic, Versions: func(ctx context.Context, db bun.IDB, keys []string) (map[string]int64, error) {
		latest, err := store.Latest(ctx, db, followed)
		sum := fnv.New64a()
		for _, standing := range latest {
			_, _ = sum.Write(strconv.AppendInt(nil, standing.Version(), 36)) // it does not fail
		}
		versions := make(map[string]int64, len(keys))
		for _, key := range keys {
			versions[key] = int64(sum.Sum64())
		}
		return versions, err
	}}
}
