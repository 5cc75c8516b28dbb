package httpstream

import "sync"

// Queue holds the items that wait to be sent to one subscriber. It is bounded, so the sender
// never waits for a subscriber. It is safe for concurrent use.
type Queue[T any] struct {
	most, mostBytes int

	mu    sync.Mutex
	items []T
	bytes int
	over  bool
	ready chan struct{}
}

// NewQueue makes a queue of at most so many items, of so many bytes in all. One item alone may
// be larger.
func NewQueue[T any](items, bytes int) *Queue[T] {
	return &Queue[T]{most: max(items, 1), mostBytes: bytes, ready: make(chan struct{}, 1)}
}

// Put appends an item of so many bytes and reports whether there was room. A queue that has
// overflowed accepts nothing more until [Queue.Take] is called.
func (q *Queue[T]) Put(item T, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over || len(q.items) > 0 && (len(q.items) >= q.most || q.bytes+bytes > q.mostBytes) {
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

// Ready receives a value when there is something to take.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Take empties the queue, and reports whether it had overflowed: then items that came later are
// lost.
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
