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
	// readers is how many streams read from the database at once: they must leave
	// connections for others.
	readers = 3
	// queueItems and queueBytes are what waits for one client at most.
	queueItems, queueBytes = 1024, 8 << 20
	firstPause, mostPause  = 50 * time.Millisecond, 2 * time.Second
)

// item is what is sent to those who listen to a conversation.
type item struct {
	// number is -1 for what is not stored.
	number  int64
	payload []byte
}

// Rooms know who listens to which conversation in this process. What is stored is read once for
// all of a conversation's listeners.
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

// read runs fn with a session that sees what is committed, when it is its turn.
func (r *Rooms) read(ctx context.Context, fn func(s *dbmodule.Session) error) error {
	select {
	case r.reading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.reading }()
	// A query needs a large stack, and a goroutine keeps its stack: those of open streams stay small.
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

// after reads the next events, which count in memory; nil counts nothing. What was read with it
// before counts no longer.
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

// standing reads how far a conversation is. One that is not there is dbmodule.ErrNotFound.
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

// room is a conversation that somebody listens to.
type room struct {
	rooms *Rooms
	id    string
	sub   *feed.Subscription
	end   context.CancelFunc
	// users counts members and those who are about to be; it is guarded by Rooms.mu.
	users int
	// begun is closed when through is known, or failed is.
	begun  chan struct{}
	failed error
	// passing is what is not stored. It is given after what was stored before it.
	passing *httpstream.Queue[item]
	// gone is closed when the conversation is deleted.
	gone chan struct{}
	// told is what members know of the state.
	told string

	mu      sync.Mutex
	members map[*member]struct{}
	// through is the number of the last event that members have been given.
	through int64
}

// member is one listener.
type member struct {
	room  *room
	queue *httpstream.Queue[item]
}

// join makes a listener, which the caller ends by leave, and returns the number of the last event
// before those that it will be given.
func (r *Rooms) join(ctx context.Context, id string) (*member, int64, error) {
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

// enter finds the room, or opens it.
func (r *Rooms) enter(ctx context.Context, id string) *room {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.rooms[id]; found != nil {
		found.users++
		return found
	}
	// It ends with its last member.
	ctx, end := context.WithCancel(dbmodule.Unobserved(context.WithoutCancel(ctx)))
	opened := &room{
		rooms: r, id: id, end: end, users: 1,
		begun: make(chan struct{}), gone: make(chan struct{}), members: make(map[*member]struct{}),
		passing: httpstream.NewQueue[item](queueItems, queueBytes),
	}
	opened.sub = r.feed.Subscribe(topic, id, feed.WithMessages(func(message []byte) {
		opened.passing.Put(item{number: -1, payload: message}, len(message))
	}))
	r.rooms[id] = opened
	go opened.run(ctx)
	return opened
}

// leave ends a listener.
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

// behind reports whether the member's queue has lost something.
func (m *member) behind() bool {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	return m.queue.Overflowed()
}

// resume empties the queue of a member that has fallen behind while it was reading what is
// stored, and returns up to where it has to read now.
func (m *member) resume() int64 {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.queue.Take()
	return m.room.through
}

// give hands items to all members.
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

// run reads what is stored after each hint, until the room is closed.
func (r *room) run(ctx context.Context) {
	standing, err := r.rooms.standing(ctx, r.id)
	if err != nil {
		// The next who comes tries anew.
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
		case <-r.passing.Ready():
			hinted = false
		}
		// In this order: what was stored before it has left its hint.
		passing, _ := r.passing.Take()
		select {
		case <-r.sub.Hints():
			hinted = true
		default:
		}
		var gone bool
		if hinted {
			gone, err = r.catchUp(ctx)
		}
		r.give(passing...)
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
		default: // the database is away: those who listen wait
			if pause == firstPause {
				r.rooms.log.Warn("live streams can't read what is stored: they try again", zap.Error(err))
			}
			retry.Reset(pause)
			pause = min(2*pause, mostPause)
		}
	}
}

// catchUp gives members what is stored by now, and then the state if it was told anew. It reports
// whether the conversation is gone.
func (r *room) catchUp(ctx context.Context) (gone bool, err error) {
	standing, err := r.rooms.standing(ctx, r.id)
	if err != nil {
		return errors.Is(err, dbmodule.ErrNotFound), err
	}
	for r.through < standing.Numbered-1 {
		// Without counting: it goes into the members' queues at once, which have bounds of their own.
		found, err := r.rooms.after(ctx, nil, r.id, r.through)
		if err != nil || len(found) == 0 { // deleted meanwhile: there will be a hint
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
