package cluster

import (
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// history remembers at what time the primary was at which position of its log. With it, a
// replica's lag is measured by the clock of this process alone, and a replica of an idle
// primary does not look late.
type history struct {
	moves []move // oldest first
}

// move is the last moment at which the primary was seen at a position.
type move struct {
	at   engine.Position
	seen time.Time
}

// longestHistory limits how many moves are kept. When there are more, every second move of
// the older half is dropped, so that the history reaches further back.
const longestHistory = 512

// add notes the primary's position. It reports whether this is another primary: its log ends
// before a position that was seen. Then the history begins again.
func (h *history) add(seen time.Time, at engine.Position) (another bool) {
	last := len(h.moves) - 1
	if last >= 0 && !at.Covers(h.moves[last].at) {
		h.moves, last, another = h.moves[:0], -1, true
	}
	if last >= 0 && h.moves[last].at.Covers(at) {
		h.moves[last].seen = seen
		return false
	}
	h.moves = append(h.moves, move{at: at, seen: seen})
	if len(h.moves) <= longestHistory {
		return another
	}
	kept := h.moves[:0]
	for i, m := range h.moves {
		if i >= longestHistory/2 || i%2 == 0 {
			kept = append(kept, m)
		}
	}
	h.moves = kept
	return another
}

// before returns the last known moment until which a server at that position has everything,
// and whether it is the latest known moment. ok is false if none is known.
func (h *history) before(at engine.Position) (seen time.Time, latest, ok bool) {
	for i := len(h.moves) - 1; i >= 0; i-- {
		if at.Covers(h.moves[i].at) {
			return h.moves[i].seen, i == len(h.moves)-1, true
		}
	}
	return time.Time{}, false, false
}
