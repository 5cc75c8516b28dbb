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
	// followed is how many conversations the list follows: the ones that changed last.
	followed = 500
	// listPause is the shortest time between two reads of the list.
	listPause = 250 * time.Millisecond
)

// Names of the list's events.
const (
	// listSync tells the client to read the list: it is sent first, and when changes may have been
	// missed.
	listSync    = "sync"
	listCreated = "created"
	listChanged = "changed"
	listDeleted = "deleted"
)

// change is an event of the list.
type change struct {
	name    string
	payload []byte
}

// list finds changes of all conversations while it has listeners. It compares the conversations that changed last
// with those of the previous read, once for all listeners.
type list struct {
	rooms *Rooms
	end   context.CancelFunc
	// begun is closed after the first read.
	begun chan struct{}
	// members is guarded by Rooms.mu.
	members map[*httpstream.Queue[change]]struct{}
	// known are the conversations of the previous read.
	known map[string]conversations.Standing
	// full says that there may be more conversations than the list follows.
	full bool
}

// watch adds a listener to the list; the caller removes it with leave. The queue gets the changes that are made
// after watch has returned.
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

// run reads the list after each hint, until ctx ends.
func (l *list) run(ctx context.Context) {
	sub := l.rooms.feed.Subscribe(listTopic, "")
	defer sub.Close()
	failing := false
	for {
		err := l.refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			l.rooms.log.Warn("the stream of conversations can't read the database: it tries again", zap.Error(err))
		case err == nil:
			select {
			case <-sub.Hints():
			case <-ctx.Done():
				return
			}
		}
		failing = err != nil
		timer := time.NewTimer(listPause) // changes during the pause are read together
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// refresh reads the conversations that changed last, and sends the differences to the members. After an error it
// has sent nothing, and the next refresh sends the same differences.
func (l *list) refresh(ctx context.Context) error {
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

// differences returns the changes from l.known to latest, the oldest first. now is latest by id.
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
		described, err := l.describe(ctx, part, names)
		var large *wire.Invalid
		if errors.As(err, &large) { // too large to be sent: the client reads the list
			return []change{{listSync, []byte("{}")}}, nil
		}
		if err != nil {
			return nil, err
		}
		changes = append(changes, described...)
	}
	return changes, nil
}

// oldest returns the oldest updated_at in l.known. A conversation that was created later is new.
func (l *list) oldest() (at time.Time) {
	for standing := range maps.Values(l.known) {
		if at.IsZero() || standing.UpdatedAt.Before(at) {
			at = standing.UpdatedAt
		}
	}
	return at
}

// gone returns the deletions among the conversations that are no longer in the list.
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

// describe returns changes with the conversations' content. It leaves out conversations that were deleted
// meanwhile: the next refresh reports them.
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
