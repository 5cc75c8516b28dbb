package live

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

const (
	// followed is how many conversations the list follows: those that changed last.
	followed = 500
	// listPause is the least time between two looks at them.
	listPause = 250 * time.Millisecond
)

// Names of what is told of the list.
const (
	// listSync says that something may have been missed, at the beginning too: the client
	// reads the list.
	listSync    = "sync"
	listCreated = "created"
	listChanged = "changed"
	listDeleted = "deleted"
)

// change is one of the list's.
type change struct {
	name    string
	payload []byte
}

// list follows all conversations while somebody listens. It compares those that changed last with
// what it saw before, once for all who listen.
type list struct {
	rooms *Rooms
	end   context.CancelFunc
	// begun is closed when the first look was taken.
	begun chan struct{}
	// members is guarded by Rooms.mu.
	members map[*httpstream.Queue[change]]struct{}
	// known is what was seen last.
	known map[string]conversations.Standing
	// full says that there are more conversations than the list follows.
	full bool
}

// watch makes a listener to the list, which the caller ends by leave. What changes after it has
// returned is put into the queue.
func (r *Rooms) watch(ctx context.Context) (queue *httpstream.Queue[change], leave func(), err error) {
	queue = httpstream.NewQueue[change](queueItems, queueBytes)
	r.mu.Lock()
	if r.list == nil {
		inner, end := context.WithCancel(dbmodule.Unobserved(context.WithoutCancel(ctx)))
		r.list = &list{rooms: r, end: end, begun: make(chan struct{}), members: make(map[*httpstream.Queue[change]]struct{})}
		go r.list.run(inner)
	}
	l := r.list
	l.members[queue] = struct{}{}
	r.mu.Unlock()
	leave = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(l.members, queue)
		if len(l.members) == 0 && r.list == l {
			l.end()
			r.list = nil
		}
	}
	select {
	case <-l.begun:
		return queue, leave, nil
	case <-ctx.Done():
		leave()
		return nil, nil, ctx.Err()
	}
}

// run looks after each hint, until ctx ends.
func (l *list) run(ctx context.Context) {
	sub := l.rooms.feed.Subscribe(listTopic, "")
	defer sub.Close()
	failing := false
	for {
		err := l.look(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			l.rooms.log.Warn("the stream of conversations can't read them: it tries again", zap.Error(err))
		case err == nil:
			select {
			case <-sub.Hints():
			case <-ctx.Done():
				return
			}
		}
		failing = err != nil
		timer := time.NewTimer(listPause) // what changes meanwhile is seen at once
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// look reads the conversations that changed last, and tells what is different from before. After
// an error nothing was told, and the next look tells it.
func (l *list) look(ctx context.Context) error {
	var latest []conversations.Standing
	err := l.rooms.read(ctx, func(s *dbmodule.Session) (err error) {
		latest, err = conversations.Latest(ctx, s, followed)
		return err
	})
	if err != nil {
		return err
	}
	now := make(map[string]conversations.Standing, len(latest))
	for _, standing := range latest {
		now[standing.ID] = standing
	}
	if l.known == nil {
		l.known, l.full = now, len(latest) == followed
		close(l.begun)
		return nil
	}
	changes, err := l.differences(ctx, latest, now)
	if err != nil {
		return err
	}
	l.known, l.full = now, len(latest) == followed
	l.rooms.mu.Lock()
	defer l.rooms.mu.Unlock()
	for member := range l.members {
		for _, c := range changes {
			member.Put(c, len(c.payload))
		}
	}
	return nil
}

// differences tells, the oldest first, what is different in latest, which now has by id.
func (l *list) differences(ctx context.Context, latest []conversations.Standing, now map[string]conversations.Standing) ([]change, error) {
	names := make(map[string]string)
	var ids []string
	oldest := l.oldest()
	for _, standing := range slices.Backward(latest) {
		before, there := l.known[standing.ID]
		switch {
		case there && before.Version() == standing.Version():
			continue
		case !there && (!l.full || !standing.CreatedAt.Before(oldest)):
			names[standing.ID] = listCreated
		default:
			names[standing.ID] = listChanged
		}
		ids = append(ids, standing.ID)
	}
	var missing []string
	for id := range l.known {
		if _, there := now[id]; !there {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	changes, err := l.gone(ctx, missing)
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(ids, page) {
		told, err := l.describe(ctx, part, names)
		var large *wire.Invalid
		if errors.As(err, &large) { // too large to be told: the client reads the list
			return []change{{listSync, []byte("{}")}}, nil
		}
		if err != nil {
			return nil, err
		}
		changes = append(changes, told...)
	}
	return changes, nil
}

// oldest is when the conversation of those that are known which changed first did. One that is made
// later is seen.
func (l *list) oldest() (at time.Time) {
	for standing := range maps.Values(l.known) {
		if at.IsZero() || standing.UpdatedAt.Before(at) {
			at = standing.UpdatedAt
		}
	}
	return at
}

// gone tells which of those that are no longer followed were deleted.
func (l *list) gone(ctx context.Context, missing []string) (changes []change, err error) {
	if len(missing) == 0 {
		return nil, nil
	}
	var there map[string]conversations.Standing
	err = l.rooms.read(ctx, func(s *dbmodule.Session) (err error) {
		there, err = conversations.Standings(ctx, s, missing)
		return err
	})
	for _, id := range missing {
		if _, is := there[id]; !is {
			payload, _ := json.Marshal(map[string]string{"id": id}) //nolint:errchkjson // to encode texts never fails
			changes = append(changes, change{listDeleted, payload})
		}
	}
	return changes, err
}

// describe reads conversations as listings have them. One that is gone by now is left out: the next
// look misses it.
func (l *list) describe(ctx context.Context, ids []string, names map[string]string) (changes []change, err error) {
	err = l.rooms.read(ctx, func(s *dbmodule.Session) error {
		found, err := l.rooms.conversations.Batch(ctx, s, nil, ids)
		if err != nil {
			return err
		}
		children, err := l.rooms.conversations.Children(ctx, s, ids)
		if err != nil {
			return err
		}
		for _, c := range found {
			if c == nil {
				continue
			}
			payload, err := json.Marshal(c.Info(children[c.ID]))
			if err != nil {
				return err
			}
			changes = append(changes, change{names[c.ID], payload})
		}
		return nil
	})
	return changes, err
}
