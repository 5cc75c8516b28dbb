package feed

import (
	"encoding/json"
	"sync"
)

const (
	// mostWaiting is how many places an outbox remembers. Beyond that it says "all".
	mostWaiting = 10_000
	// maxPayload is how many bytes of JSON one NOTIFY has: PostgreSQL takes fewer than 8000.
	maxPayload = 7_900
)

// outbox is what was committed in this process and is to be told to others. Each place is in
// it once.
type outbox struct {
	mu      sync.Mutex
	waiting map[place]struct{}
	all     bool
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
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// take empties the outbox.
func (o *outbox) take() letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := letter{all: o.all}
	for at := range o.waiting {
		l.places = append(l.places, at)
	}
	clear(o.waiting)
	o.all = false
	return l
}

// putBack is for what could not be sent.
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
	all    bool
	places []place
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
}

// payloads writes a letter as the payloads of as few NOTIFYs as hold it.
func (l letter) payloads(from string) []string {
	if l.all {
		return []string{encode(note{From: from, All: true})}
	}
	var all []string
	head := len(encode(note{From: from, At: [][2]string{}})) + len(`,"at":[]`)
	part, size := note{From: from}, head
	for _, at := range l.places {
		pair := [2]string{at.topic, at.key}
		more := len(encode(pair)) + 1
		if len(part.At) > 0 && size+more > maxPayload {
			all = append(all, encode(part))
			part, size = note{From: from}, head
		}
		part.At = append(part.At, pair)
		size += more
	}
	if len(part.At) > 0 {
		all = append(all, encode(part))
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
