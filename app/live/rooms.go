package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

const (
	// page is how many events are read at once.
	page = 100
	// readers limits how many streams read from the database at once, so that connections are
	// left for requests.
	readers = 3
	// queueItems and queueBytes limit the queue of one client.
	queueItems, queueBytes = 1024, 8 << 20
	firstPause, maxPause   = 50 * time.Millisecond, 2 * time.Second
)

// item is sent to the listeners of a conversation.
type item struct {
	// number is the event's number, -1 for an item that is not stored.
	number  int64
	payload []byte
}

// Rooms are the rooms of this process: one for each conversation that has listeners. A room
// reads stored events once for all its listeners.
type Rooms struct {
	feed          *feed.Feed
	sessions      *dbmodule.SessionFactory
	events        *events.Store
	conversations *conversations.Store
	log           *zap.Logger
	reading       chan struct{}

	mu    sync.Mutex
	rooms map[string]*room
	// list is nil while nobody listens to it.
	list *list
}

// NewRooms makes Rooms.
func NewRooms(f *feed.Feed, e *events.Store, c *conversations.Store, log *zap.Logger) *Rooms {
	return &Rooms{
		feed: f, sessions: f.Sessions(), events: e, conversations: c, log: log,
		reading: make(chan struct{}, readers), rooms: make(map[string]*room),
	}
}

// read runs fn with a session that sees committed data. It waits if too many streams read.
func (r *Rooms) read(ctx context.Context, fn func(s *dbmodule.Session) error) error {
	select {
	case r.reading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.reading }()
	// A query needs a large stack, and a goroutine keeps its stack. So a query runs in another
	// goroutine than an open stream.
	done := make(chan error, 1)
	go func() { done <- r.readNow(fn) }()
	return <-done
}

// readNow runs fn with a session of its own. A panic is its error: in this goroutine nobody else
// would recover, and the process would end.
func (r *Rooms) readNow(fn func(s *dbmodule.Session) error) (err error) {
	s := r.sessions.New()
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("live: reading panicked: %v", cause)
		}
		if closeErr := s.Close(); err == nil {
			err = closeErr
		}
	}()
	return fn(s)
}

// after returns the events after a number. It reserves their size in memory, and releases what memory held
// before. memory may be nil.
func (r *Rooms) after(ctx context.Context, memory *httpmodule.Room, id string, after int64) (found []events.Numbered, err error) {
	most := events.Most{Events: page, Bytes: events.PieceBytes, Room: memory}
	err = memory.Read(ctx, func() error {
		return r.read(ctx, func(s *dbmodule.Session) error {
			found, err = r.events.After(ctx, s, id, after, most)
			return err
		})
	})
	return found, err
}

// standing returns a conversation's standing. The error for a missing conversation is dbmodule.ErrNotFound.
func (r *Rooms) standing(ctx context.Context, id string) (standing conversations.Standing, err error) {
	err = r.read(ctx, func(s *dbmodule.Session) error {
		found, err := conversations.Standings(ctx, s, []string{id})
		var there bool
		if standing, there = found[id]; err == nil && !there {
			err = fmt.Errorf("live: conversation %s: %w", id, dbmodule.ErrNotFound)
		}
		return err
	})
	return standing, err
}

// room is a conversation that has listeners.
type room struct {
	rooms *Rooms
	id    string
	sub   *feed.Subscription
	end   context.CancelFunc
	// users counts the members and those that are joining. Rooms.mu guards it.
	users int
	// begun is closed when through or failed is set.
	begun  chan struct{}
	failed error
	// transient are items that are not stored. They are sent after the events that were stored
	// before them.
	transient *httpstream.Queue[item]
	// gone is closed when the conversation is deleted.
	gone chan struct{}
	// told is the digest of the state that members got last.
	told string

	mu      sync.Mutex
	members map[*member]struct{}
	// through is the number of the last event that members got.
	through int64
}

// member is a listener.
type member struct {
	room  *room
	queue *httpstream.Queue[item]
}

// join adds a listener to a room; the caller ends it by leave. seen is the number of the last event that the client
// has, -1 for none. join returns the number of the last event that was stored before the listener joined, or an
// earlier one, but none before seen: in another process the client may have got events that this room, which
// follows its feed, does not know yet.
func (r *Rooms) join(ctx context.Context, id string, seen int64) (m *member, through int64, err error) {
	m, through, err = r.add(ctx, id)
	if err != nil || seen <= through {
		return m, through, err
	}
	standing, err := r.standing(ctx, id)
	if err != nil {
		m.leave()
		return nil, 0, err
	}
	return m, max(through, standing.Numbered-1), nil
}

// add adds a listener to a room. It returns the number of the last event that the room will not give it.
func (r *Rooms) add(ctx context.Context, id string) (*member, int64, error) {
	m := &member{room: r.enter(ctx, id), queue: httpstream.NewQueue[item](queueItems, queueBytes)}
	select {
	case <-m.room.begun:
	case <-ctx.Done():
		m.leave()
		return nil, 0, ctx.Err()
	}
	if err := m.room.failed; err != nil {
		m.leave()
		return nil, 0, err
	}
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.room.members[m] = struct{}{}
	return m, m.room.through, nil
}

// enter returns the room of a conversation, and opens it if necessary.
func (r *Rooms) enter(ctx context.Context, id string) *room {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.rooms[id]; found != nil {
		found.users++
		return found
	}
	// The room lasts until its last member leaves.
	ctx, end := context.WithCancel(dbmodule.Unobserved(context.WithoutCancel(ctx)))
	opened := &room{
		rooms: r, id: id, end: end, users: 1,
		begun: make(chan struct{}), gone: make(chan struct{}), members: make(map[*member]struct{}),
		transient: httpstream.NewQueue[item](queueItems, queueBytes),
	}
	opened.sub = r.feed.Subscribe(topic, id, feed.WithMessages(func(message []byte) {
		opened.transient.Put(item{number: -1, payload: message}, len(message))
	}))
	r.rooms[id] = opened
	go opened.run(ctx)
	return opened
}

// leave removes a listener from its room.
func (m *member) leave() {
	m.room.mu.Lock()
	delete(m.room.members, m)
	m.room.mu.Unlock()
	r := m.room.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.room.users--; m.room.users == 0 {
		r.drop(m.room)
	}
}

// drop closes a room; Rooms.mu is held.
func (r *Rooms) drop(closed *room) {
	closed.end()
	closed.sub.Close()
	if r.rooms[closed.id] == closed {
		delete(r.rooms, closed.id)
	}
}

// behind reports whether the member's queue was full, and items were lost.
func (m *member) behind() bool {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	return m.queue.Overflowed()
}

// resume empties the queue of a member that has fallen behind. It returns the number of the
// event up to which the member must read by itself.
func (m *member) resume() int64 {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.queue.Take()
	return m.room.through
}

// give puts items into the queues of all members.
func (r *room) give(items ...item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range items {
		if i.number > r.through {
			r.through = i.number
		}
		for m := range r.members {
			m.queue.Put(i, len(i.payload))
		}
	}
}

// run reads new events after each hint, until the room is closed.
func (r *room) run(ctx context.Context) {
	standing, err := r.rooms.standing(ctx, r.id)
	if err != nil {
		// The next listener opens the room again.
		r.rooms.mu.Lock()
		r.rooms.drop(r)
		r.rooms.mu.Unlock()
		r.failed = err
		close(r.begun)
		return
	}
	r.through, r.told = standing.Numbered-1, standing.Told
	close(r.begun)
	pause := firstPause
	retry := time.NewTimer(0)
	retry.Stop()
	defer retry.Stop()
	for {
		hinted := true
		select {
		case <-ctx.Done():
			return
		case <-r.sub.Hints():
		case <-retry.C:
		case <-r.transient.Ready():
			hinted = false
		}
		// Take the transient items before checking for hints: the hints of all events that were stored
		// before these items have then arrived.
		transient, _ := r.transient.Take()
		select {
		case <-r.sub.Hints():
			hinted = true
		default:
		}
		var gone bool
		if hinted {
			gone, err = r.catchUp(ctx)
		}
		r.give(transient...)
		switch {
		case ctx.Err() != nil:
			return
		case gone:
			r.rooms.mu.Lock()
			r.rooms.drop(r)
			r.rooms.mu.Unlock()
			close(r.gone)
			return
		case !hinted:
		case err == nil:
			pause = firstPause
		default: // the database can't be reached
			if pause == firstPause {
				r.rooms.log.Warn("live streams can't read the database: they try again", zap.Error(err))
			}
			retry.Reset(pause)
			pause = min(2*pause, maxPause)
		}
	}
}

// catchUp gives members the new events, and then the state if it has changed. It reports whether
// the conversation is gone.
func (r *room) catchUp(ctx context.Context) (gone bool, err error) {
	standing, err := r.rooms.standing(ctx, r.id)
	if err != nil {
		return errors.Is(err, dbmodule.ErrNotFound), err
	}
	for r.through < standing.Numbered-1 {
		// Not counted in memory: the events go into the members' queues, which have their own limits.
		found, err := r.rooms.after(ctx, nil, r.id, r.through)
		if err != nil || len(found) == 0 { // the conversation was deleted meanwhile: a hint will follow
			return false, err
		}
		items := make([]item, len(found))
		for i, e := range found {
			items[i] = item{number: e.Number, payload: []byte(e.Payload)}
		}
		r.give(items...)
	}
	if standing.Told == r.told {
		return false, nil
	}
	state, err := r.rooms.fullState(ctx, r.id)
	if err != nil {
		return errors.Is(err, dbmodule.ErrNotFound), err
	}
	r.told = standing.Told
	r.give(item{number: -1, payload: state})
	return false, nil
}
