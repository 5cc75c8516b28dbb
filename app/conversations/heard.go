package conversations

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// heard remembers the last things that a conversation was told which are stored
// nowhere by an id of their own: pushes of its state, and events that repeat the whole
// state. A sender that got no answer sends the same again, for about two minutes, and
// meanwhile something newer may have come. What was heard before changes nothing.
//
// It is a text of up to eight marks, the newest last, so that it fits the column that
// held one digest.
type heard string

const (
	markSize  = 8 // characters, of 6 bytes
	mostHeard = 8
)

// markOf is short for a text. Two of a conversation's last eight are the same by
// accident in one of 10^13 cases.
func markOf(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:markSize*6/8])
}

func (h heard) has(mark string) bool {
	for i := 0; i+markSize <= len(h); i += markSize {
		if string(h[i:i+markSize]) == mark {
			return true
		}
	}
	return false
}

func (h heard) isLast(mark string) bool { return mark != "" && strings.HasSuffix(string(h), mark) }

func (h heard) with(marks ...string) heard {
	for _, mark := range marks {
		if !h.isLast(mark) {
			h += heard(mark)
		}
	}
	if most := markSize * mostHeard; len(h) > most {
		h = h[len(h)-most:]
	}
	return h
}

// Heard reports whether an event that repeats the whole state came before, as far as
// is remembered. c was returned by [Store.Lock].
func (c *Conversation) Heard(eventID string) bool {
	return heard(c.InfoDigest).has(markOf([]byte(eventID)))
}
