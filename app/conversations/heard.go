package conversations

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// heard remembers the last messages that changed a conversation and are not stored as rows: pushes of its
// state, and events that contain the whole state. A sender that got no answer repeats its message for about
// two minutes. Meanwhile a newer message may have come, and the repetition must not undo it: a message that
// heard has is ignored.
//
// It is a text of up to eight marks, the newest last. So it fits into the column that held one digest in
// earlier builds.
type heard string

const (
	markSize = 8 // characters, which encode 6 bytes
	maxHeard = 8
)

// markOf returns a short digest of a text. The probability that two of a conversation's last eight have the
// same mark by accident is 10^-13.
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
	if size := markSize * maxHeard; len(h) > size {
		h = h[len(h)-size:]
	}
	return h
}

// Heard reports whether an event that contains the whole state was received before; only the last eight
// messages are remembered. c must come from [Store.Lock].
func (c *Conversation) Heard(eventID string) bool {
	return heard(c.InfoDigest).has(markOf([]byte(eventID)))
}
