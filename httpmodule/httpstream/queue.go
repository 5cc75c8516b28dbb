package httpstream

import "sync"

// Queue holds the items that wait to be sent to one subscriber. It is bounded, so the sender
// never waits for a subscriber. It is safe for concurrent use.
type Queue[T any] struct {
	maxItems, maxBytes int

	mu    sync.Mutex
	items []T
	bytes int
	over  bool
	ready chan struct{}
}

// NewQueue makes a queue that holds at most this many items and bytes. A single item may be larger.
func NewQueue[T any](items, bytes int) *Queue[T] {
	return &Queue[T]{maxItems: max(items, 1), maxBytes: bytes, ready: make(chan struct{}, 1)}
}

// Put appends an item with its size in bytes, and reports whether there was room. If not, the queue
// has overflowed, and accepts nothing until [Queue.Take] is called.
func (q *Queue[T]) Put(item T, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over || len(q.items) > 0 && (len(q.items) >= q.maxItems || q.bytes+bytes > q.maxBytes) {
		q.over = true
	} else {
		q.items = append(q.items, item)
		q.bytes += bytes
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return !q.over
}

// Ready returns a channel that receives a value after each Put, so that the receiver calls Take.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Take empties the queue, and reports whether it had overflowed: then the items after these are lost.
func (q *Queue[T]) Take() (items []T, overflowed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, overflowed = q.items, q.over
	q.items, q.bytes, q.over = nil, 0, false
	return items, overflowed
}

// Overflowed reports whether an item found no room since the last [Queue.Take].
func (q *Queue[T]) Overflowed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.over
}
