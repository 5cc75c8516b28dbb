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

// mostKeys is the largest number of keys in one call of a VersionsFunc.
const mostKeys = 500

// pollTimeout limits one poll, so that it fails if the database does not answer.
const pollTimeout = 10 * time.Second

// poller polls the database for changes by other processes.
type poller struct {
	feed *Feed
	// notified is set while NOTIFY delivers hints. The poller then polls rarely, to find changes
	// whose NOTIFY was lost.
	notified atomic.Bool
	// hurry receives a value if the next poll must start at once.
	hurry chan struct{}
	// known are the versions that the last poll read.
	known map[topicKey]version
	// file watches SQLite's file. It is nil on other engines, and for a database in memory, which
	// no other process can change.
	file *fileWatch
	// failing is set from a failed poll, which was logged, to the next success.
	failing bool
}

// version is what a VersionsFunc returned for a key. exists is false if it left the key out.
type version struct {
	number int64
	exists bool
}

func newPoller(f *Feed) *poller {
	p := &poller{feed: f, hurry: make(chan struct{}, 1), known: make(map[topicKey]version)}
	if f.db.Engine() == dbmodule.SQLite {
		p.file = newFileWatch(f.db)
	}
	return p
}

// setNotified records whether NOTIFY delivers hints. If it no longer does, the next poll starts at
// once.
func (p *poller) setNotified(on bool) {
	if p.notified.Swap(on) && !on {
		select {
		case p.hurry <- struct{}{}:
		default:
		}
	}
}

func (p *poller) run(ctx context.Context) {
	defer func() { _ = p.file.close() }() // no error matters: it only reads
	for {
		interval := p.feed.poll
		if p.notified.Load() {
			interval = p.feed.fallback
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
			_ = p.file.close() // no error matters: it only reads
			select {           // sleep until somebody subscribes
			case <-p.feed.hub.subscribed:
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

// ask polls once, and gives a hint for each topic and key that has changed. It also gives one for
// each that it polls for the first time: that may have changed since its subscriber read it.
func (p *poller) ask(ctx context.Context) error {
	keys, fresh := p.feed.hub.watched()
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	for at := range p.known {
		if _, watched := slices.BinarySearch(keys[at.topic], at.key); !watched {
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

// askTopic polls the keys of one topic. Without a VersionsFunc it gives hints for all keys if
// changed is true, and else for the fresh ones.
func (p *poller) askTopic(ctx context.Context, topic string, keys []string, fresh map[topicKey]struct{}, changed bool) error {
	versions := p.feed.topics[topic]
	if versions == nil {
		for _, key := range keys {
			if _, isFresh := fresh[topicKey{topic, key}]; changed || isFresh {
				p.feed.hub.tell(topicKey{topic, key})
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
			at := topicKey{topic, key}
			number, exists := found[key]
			before, asked := p.known[at]
			now := version{number, exists}
			p.known[at] = now
			if !asked || before != now {
				p.feed.hub.tell(at)
			}
		}
	}
	return nil
}
