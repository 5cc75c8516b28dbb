package live

import (
	"context"
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
	// listTopic is the topic for the list of all conversations. Its only key is "".
	listTopic = "conversations"
)

// Announcer publishes changes of conversations to all processes by the feed, and sends token deltas, which are not
// stored, to the listeners of this process.
type Announcer struct{ feed *feed.Feed }

var (
	_ conversations.Publisher = (*Announcer)(nil)
	_ events.Publisher        = (*Announcer)(nil)
)

// NewAnnouncer makes an Announcer.
func NewAnnouncer(f *feed.Feed) *Announcer { return &Announcer{feed: f} }

// Changed implements conversations.Publisher.
func (a *Announcer) Changed(ctx context.Context, s *dbmodule.Session, id string) error {
	if err := a.feed.Publish(ctx, s, topic, id); err != nil {
		return err
	}
	return a.feed.Publish(ctx, s, listTopic, "")
}

// Pass implements events.Publisher.
func (a *Announcer) Pass(ctx context.Context, s *dbmodule.Session, conversationID string, deltas []*events.Incoming) error {
	for _, e := range deltas {
		if err := a.feed.Pass(ctx, s, topic, conversationID, []byte(e.Payload)); err != nil {
			return err
		}
	}
	return nil
}

// Topic is the feed's topic for conversations.
func Topic() feed.Topic {
	return feed.Topic{Name: topic, Versions: func(ctx context.Context, db bun.IDB, ids []string) (map[string]int64, error) {
		found, err := conversations.Standings(ctx, db, ids)
		versions := make(map[string]int64, len(found))
		for id, standing := range found {
			versions[id] = standing.Version()
		}
		return versions, err
	}}
}

// ListTopic is the feed's topic for the list: the conversations that changed last.
func ListTopic() feed.Topic {
	return feed.Topic{Name: listTopic, Versions: func(ctx context.Context, db bun.IDB, keys []string) (map[string]int64, error) {
		latest, err := conversations.Latest(ctx, db, followed)
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
