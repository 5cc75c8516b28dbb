package feed

import (
	"maps"
	"slices"
	"sync"
)

// topicKey names what units of work publish and subscribers watch.
type topicKey struct{ topic, key string }

// Subscription is one listener for one topic and key.
type Subscription struct {
	hub   *hub
	at    topicKey
	hints chan struct{}
	// take is called with messages. It is nil if the subscriber takes none.
	take func(message []byte)
}

// Hints receives a value when something may have changed since the previous value was
// received. It is never closed. The first value may come at once.
func (s *Subscription) Hints() <-chan struct{} { return s.hints }

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() { s.hub.leave(s) }

// hint gives the subscriber a hint, unless one waits already.
func (s *Subscription) hint() {
	select {
	case s.hints <- struct{}{}:
	default:
	}
}

// hub has the subscriptions of this process.
type hub struct {
	mu   sync.RWMutex
	subs map[topicKey]map[*Subscription]struct{}
	// fresh has the topics and keys that got their first subscriber since the last call of watched.
	fresh map[topicKey]struct{}
	// subscribed receives a value at each new subscription. It wakes a poller that sleeps because
	// there are none.
	subscribed chan struct{}
}

func newHub() *hub {
	return &hub{
		subs: make(map[topicKey]map[*Subscription]struct{}), fresh: make(map[topicKey]struct{}), subscribed: make(chan struct{}, 1),
	}
}

func (h *hub) subscribe(at topicKey, options ...SubscribeOption) *Subscription {
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
	case h.subscribed <- struct{}{}:
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

// tell gives a hint to the subscribers of one topic and key.
func (h *hub) tell(at topicKey) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for s := range h.subs[at] {
		s.hint()
	}
}

// pass delivers a message to the subscribers of one topic and key that take messages.
func (h *hub) pass(at topicKey, message []byte) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for s := range h.subs[at] {
		if s.take != nil {
			s.take(message)
		}
	}
}

// tellAll gives a hint to all subscribers, because changes may have been missed.
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

// watched returns, for each topic, the sorted keys that have subscribers. fresh has the topics and
// keys that got their first subscriber since the last call.
func (h *hub) watched() (keys map[string][]string, fresh map[topicKey]struct{}) {
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
