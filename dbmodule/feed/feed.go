package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

const (
	// MaxName is how many bytes a topic and a key may have together.
	MaxName = 1024
	// MaxMessage is the most bytes that a message for other processes may have.
	MaxMessage = 4096
)

// Config decides how often a feed asks the database. Its zero value is usable.
type Config struct {
	// PollInterval is the pause between two polls of an engine that does not notify the
	// feed; 0 means 0.5 seconds.
	PollInterval time.Duration `envconfig:"FEED_POLL_INTERVAL" default:"500ms" desc:"how often to ask SQLite, MariaDB and MySQL for changes by other processes"`
}

// DefaultConfig returns the defaults that the tags of [Config] name.
func DefaultConfig() Config { return Config{PollInterval: 500 * time.Millisecond} }

// Validate reports a setting that can't be used.
func (c Config) Validate() error {
	if c.PollInterval < 0 || c.PollInterval > time.Minute {
		return fmt.Errorf("feed: FEED_POLL_INTERVAL=%s: takes a duration up to 1m, for example 500ms", c.PollInterval)
	}
	return nil
}

// fallbackInterval is the pause between two polls while NOTIFY delivers hints. These polls find
// changes whose NOTIFY was lost.
const fallbackInterval = 15 * time.Second

// VersionsFunc returns a version for each of up to 500 keys: any number that differs after each
// published change. A key that it leaves out counts as a key that does not exist. It is called with
// a session that sees committed data, by one goroutine at a time.
type VersionsFunc func(ctx context.Context, db bun.IDB, keys []string) (map[string]int64, error)

// Topic says how the feed detects changes by polling.
type Topic struct {
	// Name is what units of work publish.
	Name string
	// Versions is called for the keys that have subscribers. Without it, and for topics that the
	// feed does not know, each poll gives a hint to all subscribers of the topic.
	Versions VersionsFunc
}

// Feed notifies subscribers of the changes that units of work publish. It is safe for
// concurrent use. It works within the process as soon as it is made, and between processes
// from [Feed.Start] to [Feed.Close].
type Feed struct {
	db       *dbmodule.Database
	sessions *dbmodule.SessionFactory
	log      *zap.Logger
	poll     time.Duration
	fallback time.Duration
	topics   map[string]VersionsFunc
	hub      *hub
	// outbox holds the hints and messages that NOTIFY has to send to other processes. It is nil on
	// engines without NOTIFY.
	outbox *outbox
	poller *poller

	mu     sync.Mutex
	cancel context.CancelFunc
	closed bool
	done   sync.WaitGroup
}

// New makes a feed of a database, which the caller closes after the feed. It does no I/O.
// log may be nil.
func New(cfg Config, log *zap.Logger, db *dbmodule.Database, topics ...Topic) (*Feed, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if db == nil {
		return nil, errors.New("feed: make feed: there is no database")
	}
	if log == nil {
		log = zap.NewNop()
	}
	f := &Feed{db: db, log: log, poll: cfg.PollInterval, fallback: fallbackInterval, topics: make(map[string]VersionsFunc), hub: newHub()}
	if f.poll == 0 {
		f.poll = DefaultConfig().PollInterval
	}
	for _, topic := range topics {
		if topic.Name == "" {
			return nil, errors.New("feed: make feed: a topic has no name")
		}
		if _, twice := f.topics[topic.Name]; twice {
			return nil, fmt.Errorf("feed: make feed: two topics have the name %q", topic.Name)
		}
		f.topics[topic.Name] = topic.Versions
	}
	// Read-only sessions may read from a replica, which lags behind. So PostgreSQL and MySQL get
	// sessions that may write: they read from the primary. SQLite has no replicas.
	option := dbmodule.Autocommit()
	switch db.Engine() {
	case dbmodule.SQLite:
		option = dbmodule.ReadOnly()
	case dbmodule.PostgreSQL:
		f.outbox = newOutbox()
	}
	f.sessions = db.Sessions().With(option)
	f.poller = newPoller(f)
	return f, nil
}

// Sessions returns a factory whose sessions see the changes that hints are about. Read-only
// sessions of other factories may go to a replica, which may not have the change yet.
func (f *Feed) Sessions() *dbmodule.SessionFactory { return f.sessions }

// Publish gives a hint to the subscribers of topic and key once s commits. It gives none if
// s rolls back, or rolls back the current savepoint. It does no I/O. It returns an error only
// for wrong arguments: topic is empty, or both together are longer than
// [MaxName].
func (f *Feed) Publish(_ context.Context, s *dbmodule.Session, topic, key string) error {
	at, err := newTopicKey(topic, key)
	if err != nil {
		return err
	}
	s.AfterCommit(func(context.Context) {
		f.hub.tell(at)
		if f.outbox != nil {
			f.outbox.add(at)
		}
	})
	return nil
}

// Pass delivers a message to the subscribers of topic and key that take messages, once s commits.
// It delivers none if s rolls back. It is for data that is not worth storing: nobody learns that a
// message was lost. Other processes receive the message only by NOTIFY, so only on PostgreSQL, if
// it has at most [MaxMessage] bytes and not too many messages wait. The caller must not change the
// message afterwards. It returns the same errors as Publish.
func (f *Feed) Pass(_ context.Context, s *dbmodule.Session, topic, key string, message []byte) error {
	at, err := newTopicKey(topic, key)
	if err != nil {
		return err
	}
	s.AfterCommit(func(context.Context) {
		f.hub.pass(at, message)
		if f.outbox != nil && len(message) <= MaxMessage {
			f.outbox.pass(topicMessage{at.topic, at.key, message})
		}
	})
	return nil
}

// newTopicKey returns an error if the topic is empty or both are too long.
func newTopicKey(topic, key string) (topicKey, error) {
	if topic == "" || len(topic)+len(key) > MaxName {
		return topicKey{}, fmt.Errorf("feed: publish: a topic of %d bytes with a key of %d: wants 1 to %d bytes in all", len(topic), len(key), MaxName)
	}
	return topicKey{topic, key}, nil
}

// SubscribeOption changes a subscription.
type SubscribeOption func(*Subscription)

// WithMessages passes messages ([Feed.Pass]) to take, one at a time for each process that sends.
// take must not wait or call the feed. It must not change the message, which other subscribers
// receive too.
func WithMessages(take func(message []byte)) SubscribeOption {
	return func(s *Subscription) { s.take = take }
}

// Subscribe starts to listen for changes of topic and key. The caller closes the
// subscription.
func (f *Feed) Subscribe(topic, key string, options ...SubscribeOption) *Subscription {
	return f.hub.subscribe(topicKey{topic, key}, options...)
}

// Start starts to listen to other processes, in the background. ctx limits only the call, which
// waits for nothing: if the database is unavailable, the feed waits for it in the background.
func (f *Feed) Start(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil || f.closed {
		return errors.New("feed: start: it was started or closed before")
	}
	ctx, f.cancel = context.WithCancel(dbmodule.Unobserved(context.WithoutCancel(ctx)))
	f.done.Go(func() { f.poller.run(ctx) })
	if f.outbox != nil {
		n := &notifier{feed: f, poller: f.poller, outbox: f.outbox}
		f.done.Go(func() { n.run(ctx) })
	}
	return nil
}

// Close ends the background work of Start and waits for its end. Subscriptions stay open, but
// receive nothing from other processes any more. It may be called more than once.
func (f *Feed) Close() error {
	f.mu.Lock()
	f.closed = true
	cancel := f.cancel
	f.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	f.done.Wait()
	return nil
}

// pause waits for d and returns true. If ctx ends before, it returns false at once.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
