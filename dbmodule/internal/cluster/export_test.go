package cluster

import (
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// History is history with one number for a position.
type History struct{ history }

func (h *History) Add(seen time.Time, at uint64) (another bool) {
	return h.add(seen, engine.Position{0: at})
}

func (h *History) Before(at uint64) (seen time.Time, latest, ok bool) {
	return h.before(engine.Position{0: at})
}

func (h *History) Len() int { return len(h.moves) }

// Note adds a write.
func (w *Writes) Note(id string, at engine.Position, when time.Time) { w.note(id, mark{at, when}) }

// Of returns the last write in a database.
func (w *Writes) Of(id string) (at engine.Position, when time.Time, ok bool) {
	m, ok := w.of(id)
	return m.at, m.when, ok
}

const (
	LongestHistory = longestHistory
	LongestToken   = longestToken
	ClockSlack     = clockSlack
	Soonest        = soonest
)

var DatabaseID = databaseID

// NewWrites makes the Writes of a token.
func NewWrites(token string) *Writes {
	w := new(Writes)
	w.Take(token)
	return w
}
