package feed

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

const (
	// channel is the channel of the feed, for LISTEN and NOTIFY.
	channel = "dbmodule_feed"
	// sendPause is the pause after each batch: changes that are committed meanwhile share the next
	// one.
	sendPause = 5 * time.Millisecond
	// beatInterval is the pause between two checks that a process hears itself. beatTimeout limits
	// how long one check may take.
	beatInterval = 10 * time.Second
	beatTimeout  = 5 * time.Second
	// deafPause is the pause before a new try if LISTEN succeeds but no notification arrives, as
	// behind a pooler that uses another connection for each transaction.
	deafPause = time.Minute
	// mostPause is the longest pause before a new connection otherwise.
	mostPause = 2 * time.Second
)

// notifier sends hints and messages to other processes by NOTIFY, and receives theirs by LISTEN.
type notifier struct {
	feed   *Feed
	poller *poller
	outbox *outbox

	// from is the id of this process in notes.
	from string
	// beats receives the beats that the listener has heard.
	beats chan string
	// own is a pool of two connections: one listens, the other sends.
	own *dbmodule.Database
}

// errDeaf means that LISTEN succeeded, but the process never received its own NOTIFY.
var errDeaf = errors.New("feed: LISTEN hears nothing, as behind a pooler")

// run makes the pool, trying again until that succeeds, and then serves until ctx ends.
func (n *notifier) run(ctx context.Context) {
	n.from = rand.Text()
	n.beats = make(chan string, 1)
	for {
		own, closeOwn, err := n.feed.db.Dedicated(ctx, 2)
		if err == nil {
			n.own = own
			n.serve(ctx)
			_ = closeOwn() // no error matters: nothing is left to store
			return
		}
		if ctx.Err() == nil {
			n.feed.log.Warn("the feed has no connections to PostgreSQL: it tries again", zap.Error(err))
		}
		if !pause(ctx, mostPause) {
			return
		}
	}
}

// serve sends in one goroutine, and listens in this one, until ctx ends. If listening fails, it
// listens again on a new connection after a pause.
func (n *notifier) serve(ctx context.Context) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		n.send(ctx)
	}()
	wait := 10 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		err := n.listen(ctx)
		n.poller.setNotified(false)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > beatInterval {
			wait = 10 * time.Millisecond
		}
		next := wait
		if errors.Is(err, errDeaf) {
			next = deafPause
		}
		n.feed.log.Warn("the feed does not hear PostgreSQL: it asks instead until it does",
			zap.Duration("again_in", next), zap.Error(err))
		pause(ctx, next)
		wait = min(2*wait, mostPause)
	}
	<-sent
}

// send sends the content of the outbox, whenever there is some.
func (n *notifier) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.outbox.ready:
		}
		b := n.outbox.take()
		for _, payload := range b.payloads(n.from) {
			if err := n.notify(ctx, payload); err != nil {
				// Other processes find the changes by polling meanwhile. It does no harm if they
				// get a hint twice.
				n.outbox.putBack(b)
				pause(ctx, time.Second)
				break
			}
		}
		if !pause(ctx, sendPause) {
			return
		}
	}
}

func (n *notifier) notify(ctx context.Context, payload string) error {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	s := n.own.Sessions().New(dbmodule.Autocommit())
	_, err := s.ExecContext(ctx, "SELECT pg_notify(?, ?)", channel, payload)
	return errors.Join(err, s.Close())
}

// listen takes a connection and receives notifications on it, until the connection is lost, or
// until the process no longer hears itself.
func (n *notifier) listen(ctx context.Context) (err error) {
	conn, err := n.own.DB().Conn(ctx)
	if err != nil {
		return fmt.Errorf("feed: listen: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var heard error
	_ = conn.Raw(func(raw any) error {
		heard = n.hear(ctx, raw)
		return driver.ErrBadConn // the pool must not give a connection that listens to others
	})
	return heard
}

// hear runs LISTEN and receives notifications. It returns the error of the connection or of beat,
// whichever comes first.
func (n *notifier) hear(ctx context.Context, raw any) error {
	unwrapper, ok := raw.(interface{ Unwrap() driver.Conn })
	if !ok {
		return fmt.Errorf("feed: listen: %T is no connection of dbmodule", raw)
	}
	std, ok := unwrapper.Unwrap().(*stdlib.Conn)
	if !ok {
		return fmt.Errorf("feed: listen: %T is no connection of pgx", unwrapper.Unwrap())
	}
	conn := std.Conn()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return fmt.Errorf("feed: listen: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		cancel(n.beat(ctx))
	}()
	err := n.wait(ctx, conn)
	cancel(err)
	<-beating
	return context.Cause(ctx)
}

func (n *notifier) wait(ctx context.Context, conn *pgx.Conn) error {
	for {
		notification, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("feed: listen: %w", err)
		}
		n.read(notification.Payload)
	}
}

// read delivers the hints and messages of a note.
func (n *notifier) read(payload string) {
	var received note
	switch err := json.Unmarshal([]byte(payload), &received); {
	case err != nil || received.All:
		n.feed.hub.tellAll() // a newer build may send notes that this one can't read
	case received.From == n.from && received.Beat != "":
		select {
		case n.beats <- received.Beat:
		default:
		}
	case received.From != n.from:
		for _, at := range received.At {
			n.feed.hub.tell(topicKey{at[0], at[1]})
		}
		for _, m := range received.Say {
			n.feed.hub.pass(topicKey{m.Topic, m.Key}, m.Message)
		}
	}
}

// beat checks, again and again, that the process hears itself, and returns an error if it does not.
// When the first beat is heard, all subscribers get a hint: changes before that may have been
// missed.
func (n *notifier) beat(ctx context.Context) error {
	for first := true; ; first = false {
		beat := rand.Text()
		if err := n.notify(ctx, encode(note{From: n.from, Beat: beat})); err != nil {
			return fmt.Errorf("feed: listen: %w", err)
		}
		if err := n.hears(ctx, beat, first); err != nil {
			return err
		}
		if first {
			n.poller.setNotified(true)
			n.feed.hub.tellAll()
		}
		if !pause(ctx, beatInterval) {
			return ctx.Err()
		}
	}
}

// hears waits until the process receives its own beat. If it does not in time, the error is errDeaf
// for the first beat.
func (n *notifier) hears(ctx context.Context, beat string, first bool) error {
	timer := time.NewTimer(beatTimeout)
	defer timer.Stop()
	for {
		select {
		case heard := <-n.beats:
			if heard == beat {
				return nil
			}
		case <-timer.C:
			if first {
				return errDeaf
			}
			return fmt.Errorf("feed: listen: nothing was heard for %s", beatTimeout)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
