package feed

import (
	"encoding/json"
	"slices"
	"sync"
)

const (
	// mostWaiting is how many topics with keys an outbox holds. If more wait, it tells other
	// processes that anything may have changed.
	mostWaiting = 10_000
	// mostMessages is how many messages an outbox holds. Further messages are dropped.
	mostMessages = 1_000
	// maxPayload is the largest payload of one NOTIFY, in bytes of JSON: PostgreSQL accepts fewer
	// than 8000.
	maxPayload = 7_900
)

// outbox holds what this process has committed and must still send to other processes. It has each
// topic and key once.
type outbox struct {
	mu       sync.Mutex
	waiting  map[topicKey]struct{}
	all      bool
	messages []topicMessage
	// ready has a value when something waits.
	ready chan struct{}
}

func newOutbox() *outbox {
	return &outbox{waiting: make(map[topicKey]struct{}), ready: make(chan struct{}, 1)}
}

func (o *outbox) add(keys ...topicKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, at := range keys {
		o.waiting[at] = struct{}{}
	}
	if len(o.waiting) > mostWaiting {
		o.all = true
		clear(o.waiting)
	}
	o.wake()
}

// pass adds a message.
func (o *outbox) pass(m topicMessage) {
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

// take empties the outbox and returns its content.
func (o *outbox) take() batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := batch{all: o.all, messages: o.messages}
	o.messages = nil
	for at := range o.waiting {
		b.keys = append(b.keys, at)
	}
	clear(o.waiting)
	o.all = false
	return b
}

// putBack puts a batch back that could not be sent. It drops the messages, because they would come
// too late.
func (o *outbox) putBack(b batch) {
	if b.all {
		o.mu.Lock()
		o.all = true
		o.mu.Unlock()
	}
	o.add(b.keys...)
}

// batch is what a process sends to the others at one time.
type batch struct {
	all      bool
	keys     []topicKey
	messages []topicMessage
}

// topicMessage is a message for the subscribers of a topic and key.
type topicMessage struct {
	Topic   string `json:"t"`
	Key     string `json:"k"`
	Message []byte `json:"m"`
}

// note is the payload of one NOTIFY.
type note struct {
	// From is the id of the sending process, whose own subscribers have these hints already.
	From string `json:"from"`
	// Beat is a random text by which the process checks that it hears itself.
	Beat string `json:"beat,omitempty"`
	// All says that anything may have changed.
	All bool `json:"all,omitempty"`
	// At are topics with keys that changed.
	At [][2]string `json:"at,omitempty"`
	// Say are messages.
	Say []topicMessage `json:"say,omitempty"`
}

// payloads encodes a batch as a few payloads. Hints come before messages, because a message may be
// about a change that a hint announces. A message that does not fit into a payload is left out.
func (b batch) payloads(from string) []string {
	if b.all {
		b.keys = nil
	}
	pairs := make([][2]string, len(b.keys))
	for i, at := range b.keys {
		pairs[i] = [2]string{at.topic, at.key}
	}
	room := maxPayload - len(encode(note{From: from})) - len(`,"say":[]`)
	var all []string
	if b.all {
		all = append(all, encode(note{From: from, All: true}))
	}
	for _, part := range parts(pairs, room) {
		all = append(all, encode(note{From: from, At: part}))
	}
	fitting := slices.DeleteFunc(slices.Clone(b.messages), func(m topicMessage) bool { return len(encode(m)) > room })
	for _, part := range parts(fitting, room) {
		all = append(all, encode(note{From: from, Say: part}))
	}
	return all
}

// parts splits a list. Each part has at most room bytes of JSON, unless it is one larger item.
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

// encode returns v as JSON. It is only for types whose encoding can't fail.
func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
