package dbmodule

import (
	"context"
	"time"
)

// History is history for the external tests, with one number for a position.
type History struct{ history }

func (h *History) Add(seen time.Time, at uint64) (another bool) {
	return h.history.add(seen, position{0: at})
}

func (h *History) Before(at uint64) (seen time.Time, latest, ok bool) {
	return h.history.before(position{0: at})
}

func (h *History) Len() int { return len(h.moves) }

// CheckReplicas checks now, as the watch does by itself in time.
func (d *Database) CheckReplicas(ctx context.Context) {
	if d.watch != nil {
		d.watch.check(ctx)
	}
}
