package httpstatus

import "sync"

// ring keeps the newest limit items, the oldest first.
type ring[T any] struct {
	mu    sync.Mutex
	limit int
	items []T
}

func (r *ring[T]) add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items) == r.limit {
		r.items = append(r.items[:0], r.items[1:]...)
	}
	r.items = append(r.items, item)
}

func (r *ring[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]T{}, r.items...)
}
