package feed

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// mostKeys is how many keys a VersionsFunc is asked for at once.
const mostKeys = 500

// pollTimeout bounds one question, so that a database that does not answer is noticed.
const pollTimeout = 10 * time.Second

// poller asks the database what has changed.
type poller struct {
	feed *Feed
	// carried is set while NOTIFY carries the hints: the poller is only the net then.
	carried atomic.Bool
	// hurry has a value when the next question should not wait for its time.
	hurry chan struct{}
	// known are the versions of the last answer.
	known map[place]version
	// file looks at SQLite's file; nil on other engines, and where no other process can
	// have the database.
	file *fileWatch
	// failing is set from a failure that is in the log to the next success.
	failing bool
}

// version is that of something which is there.
type version struct {
	number int64
	there  bool
}

func newPoller(f *Feed) *poller {
	p := &poller{feed: f, hurry: make(chan struct{}, 1), known: make(map[place]version)}
	if f.db.Engine() == dbmodule.SQLite {
		p.file = newFileWatch(f.db)
	}
	return p
}

// carry notes whether NOTIFY carries the hints. If it no longer does, the database is asked
// at once.
func (p *poller) carry(on bool) {
	if p.carried.Swap(on) && !on {
		select {
		case p.hurry <- struct{}{}:
		default:
		}
	}
}

func (p *poller) run(ctx context.Context) {
	defer func() { _ = p.file.close() }() // it only reads
	for {
		interval := p.feed.poll
		if p.carried.Load() {
			interval = p.feed.net
		}
		timer := time.NewTimer(interval)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.hurry:
		}
		timer.Stop()
		if p.feed.hub.empty() {
			clear(p.known)
			_ = p.file.close() // it only reads
			select {           // sleep until somebody listens
			case <-p.feed.hub.some:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
		err := p.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !p.failing:
			p.feed.log.Warn("the feed can't ask what has changed: it tries again", zap.Error(err))
		case err == nil && p.failing:
			p.feed.log.Info("the feed asks again what has changed")
			p.feed.hub.tellAll()
		}
		p.failing = err != nil
	}
}

// ask asks once, and gives the hints that follow from the answer. A place that is asked for
// the first time gets one: it may have changed since its subscriber looked.
func (p *poller) ask(ctx context.Context) error {
	keys, fresh := p.feed.hub.watched()
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	for at := range p.known {
		if _, there := slices.BinarySearch(keys[at.topic], at.key); !there {
			delete(p.known, at)
		}
	}
	for at := range fresh {
		delete(p.known, at)
	}
	changed := true
	if p.file != nil {
		var err error
		if changed, err = p.file.changed(ctx); err != nil {
			return err
		}
	}
	if !changed && len(fresh) == 0 {
		return nil
	}
	for topic, all := range keys {
		if err := p.askTopic(ctx, topic, all, fresh, changed); err != nil {
			return fmt.Errorf("feed: versions of topic %s: %w", topic, err)
		}
	}
	return nil
}

func (p *poller) askTopic(ctx context.Context, topic string, keys []string, fresh map[place]struct{}, changed bool) error {
	versions := p.feed.topics[topic]
	if versions == nil {
		for _, key := range keys {
			if _, isFresh := fresh[place{topic, key}]; changed || isFresh {
				p.feed.hub.tell(place{topic, key})
			}
		}
		return nil
	}
	for part := range slices.Chunk(keys, mostKeys) {
		s := p.feed.sessions.New()
		found, err := versions(ctx, s, part)
		if closeErr := s.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		for _, key := range part {
			at := place{topic, key}
			number, there := found[key]
			before, asked := p.known[at]
			now := version{number, there}
			p.known[at] = now
			if !asked || before != now {
				p.feed.hub.tell(at)
			}
		}
	}
	return nil
}
