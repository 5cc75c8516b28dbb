package feed

import (
	"maps"
	"slices"
	"sync"
)

// place is what can change.
type place struct{ topic, key string }

// Subscription is one listener for one topic and key.
type Subscription struct {
	hub   *hub
	at    place
	hints chan struct{}
	// take is given messages; it may be nil.
	take func(message []byte)
}

// Hints receives a value when something may have changed since the previous value was
// received. It is never closed. The first value may come at once.
func (s *Subscription) Hints() <-chan struct{} { return s.hints }

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() { s.hub.leave(s) }

// hint leaves a hint, if none waits.
func (s *Subscription) hint() {
	select {
	case s.hints <- struct{}{}:
	default:
	}
}

// hub knows who listens in this process.
type hub struct {
	mu   sync.RWMutex
	subs map[place]map[*Subscription]struct{}
	// fresh are places that got their first subscriber since the last call of watched.
	fresh map[place]struct{}
	// some has a value when there is a subscriber after there was none.
	some chan struct{}
}

func newHub() *hub {
	return &hub{
		subs: make(map[place]map[*Subscription]struct{}), fresh: make(map[place]struct{}), some: make(chan struct{}, 1),
	}
}

func (h *hub) subscribe(at place, options ...SubscribeOption) *Subscription {
	s := &Subscription{hub: h, at: at, hints: make(chan struct{}, 1)}
	for _, option := range options {
		option(s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs[at] == nil {
		h.subs[at] = make(map[*Subscription]struct{})
		h.fresh[at] = struct{}{}
	}
	h.subs[at][s] = struct{}{}
	select {
	case h.some <- struct{}{}:
	default:
	}
	return s
}

func (h *hub) leave(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs[s.at], s)
	if len(h.subs[s.at]) == 0 {
		delete(h.subs, s.at)
		delete(h.fresh, s.at)
	}
}

// tell hints at one place.
func (h *hub) tell(at place) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for s := range h.subs[at] {
		s.hint()
	}
}

// pass hands a message to those at one place that take messages.
func (h *hub) pass(at place, message []byte) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for s := range h.subs[at] {
		if s.take != nil {
			s.take(message)
		}
	}
}

// tellAll hints at all places: something may have been missed.
func (h *hub) tellAll() {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, subs := range h.subs {
		for s := range subs {
			s.hint()
		}
	}
}

func (h *hub) empty() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.subs) == 0
}

// watched returns the keys with subscribers by topic, sorted, and those places that are new
// since the call before.
func (h *hub) watched() (keys map[string][]string, fresh map[place]struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	keys = make(map[string][]string)
	for at := range h.subs {
		keys[at.topic] = append(keys[at.topic], at.key)
	}
	for _, k := range keys {
		slices.Sort(k)
	}
	fresh = maps.Clone(h.fresh)
	clear(h.fresh)
	return keys, fresh
}
