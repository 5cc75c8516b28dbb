package feed

import (
	"encoding/json"
	"slices"
	"sync"
)

const (
	// mostWaiting is how many places an outbox remembers. Beyond that it says "all".
	mostWaiting = 10_000
	// mostMessages is how many messages wait. What comes then is dropped.
	mostMessages = 1_000
	// maxPayload is how many bytes of JSON one NOTIFY has: PostgreSQL takes fewer than 8000.
	maxPayload = 7_900
)

// outbox is what was committed in this process and is to be told to others. Each place is in
// it once.
type outbox struct {
	mu       sync.Mutex
	waiting  map[place]struct{}
	all      bool
	messages []said
	// ready has a value when something waits.
	ready chan struct{}
}

func newOutbox() *outbox {
	return &outbox{waiting: make(map[place]struct{}), ready: make(chan struct{}, 1)}
}

func (o *outbox) add(places ...place) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, at := range places {
		o.waiting[at] = struct{}{}
	}
	if len(o.waiting) > mostWaiting {
		o.all = true
		clear(o.waiting)
	}
	o.wake()
}

// pass adds a message.
func (o *outbox) pass(m said) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.messages) < mostMessages {
		o.messages = append(o.messages, m)
	}
	o.wake()
}

func (o *outbox) wake() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// take empties the outbox.
func (o *outbox) take() letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := letter{all: o.all, messages: o.messages}
	o.messages = nil
	for at := range o.waiting {
		l.places = append(l.places, at)
	}
	clear(o.waiting)
	o.all = false
	return l
}

// putBack is for what could not be sent. Messages are late by then, and dropped.
func (o *outbox) putBack(l letter) {
	if l.all {
		o.mu.Lock()
		o.all = true
		o.mu.Unlock()
	}
	o.add(l.places...)
}

// letter is what one process tells the others.
type letter struct {
	all      bool
	places   []place
	messages []said
}

// said is a message, and the topic and key that it is for.
type said struct {
	Topic   string `json:"t"`
	Key     string `json:"k"`
	Message []byte `json:"m"`
}

// note is one NOTIFY's payload.
type note struct {
	// From names the process, which has told itself already.
	From string `json:"from"`
	// Beat is set when the process only wants to hear itself.
	Beat string `json:"beat,omitempty"`
	// All says that anything may have changed.
	All bool `json:"all,omitempty"`
	// At are topics with their keys.
	At [][2]string `json:"at,omitempty"`
	// Say are messages.
	Say []said `json:"say,omitempty"`
}

// payloads writes a letter as the payloads of as few NOTIFYs as hold it: hints before
// messages, which may be about what the hints tell of. A message that does not fit is left out.
func (l letter) payloads(from string) []string {
	if l.all {
		l.places = nil
	}
	pairs := make([][2]string, len(l.places))
	for i, at := range l.places {
		pairs[i] = [2]string{at.topic, at.key}
	}
	room := maxPayload - len(encode(note{From: from})) - len(`,"say":[]`)
	var all []string
	if l.all {
		all = append(all, encode(note{From: from, All: true}))
	}
	for _, part := range parts(pairs, room) {
		all = append(all, encode(note{From: from, At: part}))
	}
	fitting := slices.DeleteFunc(slices.Clone(l.messages), func(m said) bool { return len(encode(m)) > room })
	for _, part := range parts(fitting, room) {
		all = append(all, encode(note{From: from, Say: part}))
	}
	return all
}

// parts cuts a list so that each part has up to so many bytes of JSON, but for one item alone.
func parts[T any](list []T, room int) (all [][]T) {
	begin, size := 0, 0
	for i, item := range list {
		more := len(encode(item)) + 1
		if i > begin && size+more > room {
			all = append(all, list[begin:i])
			begin, size = i, 0
		}
		size += more
	}
	if len(list) > begin {
		all = append(all, list[begin:])
	}
	return all
}

// encode is for values that can't fail to be JSON.
func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
