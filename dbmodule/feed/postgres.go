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
	// channel is the name by which PostgreSQL knows the feed.
	channel = "dbmodule_feed"
	// sendPause is the least time between two NOTIFYs: what is committed meanwhile goes
	// into the next.
	sendPause = 5 * time.Millisecond
	// beatInterval is how often a process makes sure that it hears itself, and
	// beatTimeout how long that may take.
	beatInterval = 10 * time.Second
	beatTimeout  = 5 * time.Second
	// deafPause is the wait before a new try where LISTEN works and nothing is heard, as
	// behind a pooler that takes another connection for each transaction.
	deafPause = time.Minute
	// mostPause is the longest wait before a new connection.
	mostPause = 2 * time.Second
)

// carrier takes hints from process to process by NOTIFY.
type carrier struct {
	feed   *Feed
	poller *poller
	outbox *outbox

	// from names this process in notes.
	from string
	// beats receives the beats that the listener has heard.
	beats chan string
	// own are the carrier's two connections: one listens, the other sends.
	own *dbmodule.Database
}

// errDeaf says that a listener does not hear its own process.
var errDeaf = errors.New("feed: LISTEN hears nothing, as behind a pooler")

// run connects, and connects again, until ctx ends.
func (c *carrier) run(ctx context.Context) {
	c.from = rand.Text()
	c.beats = make(chan string, 1)
	for {
		own, closeOwn, err := c.feed.db.Dedicated(ctx, 2)
		if err == nil {
			c.own = own
			c.serve(ctx)
			_ = closeOwn() // nothing is to be stored
			return
		}
		if ctx.Err() == nil {
			c.feed.log.Warn("the feed has no connections to PostgreSQL: it tries again", zap.Error(err))
		}
		if !pause(ctx, mostPause) {
			return
		}
	}
}

// serve sends and listens.
func (c *carrier) serve(ctx context.Context) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.send(ctx)
	}()
	wait := 10 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		err := c.listen(ctx)
		c.poller.carry(false)
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
		c.feed.log.Warn("the feed does not hear PostgreSQL: it asks instead until it does",
			zap.Duration("again_in", next), zap.Error(err))
		pause(ctx, next)
		wait = min(2*wait, mostPause)
	}
	<-sent
}

// send sends what is in the outbox.
func (c *carrier) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.outbox.ready:
		}
		l := c.outbox.take()
		for _, payload := range l.payloads(c.from) {
			if err := c.notify(ctx, payload); err != nil {
				// Others poll where this process can't be heard, and what is told twice does no harm.
				c.outbox.putBack(l)
				pause(ctx, time.Second)
				break
			}
		}
		if !pause(ctx, sendPause) {
			return
		}
	}
}

func (c *carrier) notify(ctx context.Context, payload string) error {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	s := c.own.Sessions().New(dbmodule.Autocommit())
	_, err := s.ExecContext(ctx, "SELECT pg_notify(?, ?)", channel, payload)
	return errors.Join(err, s.Close())
}

// listen hears until its connection is lost, or does not hear its own process.
func (c *carrier) listen(ctx context.Context) (err error) {
	conn, err := c.own.DB().Conn(ctx)
	if err != nil {
		return fmt.Errorf("feed: listen: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var heard error
	_ = conn.Raw(func(raw any) error {
		heard = c.hear(ctx, raw)
		return driver.ErrBadConn // nobody else is to use a connection that listens
	})
	return heard
}

func (c *carrier) hear(ctx context.Context, raw any) error {
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
		cancel(c.beat(ctx))
	}()
	err := c.wait(ctx, conn)
	cancel(err)
	<-beating
	return context.Cause(ctx)
}

func (c *carrier) wait(ctx context.Context, conn *pgx.Conn) error {
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("feed: listen: %w", err)
		}
		c.read(n.Payload)
	}
}

// read gives the hints of a note.
func (c *carrier) read(payload string) {
	var n note
	switch err := json.Unmarshal([]byte(payload), &n); {
	case err != nil || n.All:
		c.feed.hub.tellAll() // of a build to come, perhaps
	case n.From == c.from && n.Beat != "":
		select {
		case c.beats <- n.Beat:
		default:
		}
	case n.From != c.from:
		for _, at := range n.At {
			c.feed.hub.tell(place{at[0], at[1]})
		}
		for _, m := range n.Say {
			c.feed.hub.pass(place{m.Topic, m.Key}, m.Message)
		}
	}
}

// beat makes sure, again and again, that the process hears itself. What was committed before
// the first beat is heard may have been missed: all are hinted at then.
func (c *carrier) beat(ctx context.Context) error {
	for first := true; ; first = false {
		beat := rand.Text()
		if err := c.notify(ctx, encode(note{From: c.from, Beat: beat})); err != nil {
			return fmt.Errorf("feed: listen: %w", err)
		}
		if err := c.hears(ctx, beat, first); err != nil {
			return err
		}
		if first {
			c.poller.carry(true)
			c.feed.hub.tellAll()
		}
		if !pause(ctx, beatInterval) {
			return ctx.Err()
		}
	}
}

func (c *carrier) hears(ctx context.Context, beat string, first bool) error {
	timer := time.NewTimer(beatTimeout)
	defer timer.Stop()
	for {
		select {
		case heard := <-c.beats:
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
