package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openhands-go/server/app/wire"
)

// keyMark begins the keys that are made.
const keyMark = "~"

// keyOf is the text under which the store has an event's id: the id itself, or a hash of
// one that a column can't hold or that engines compare differently. The payload always has
// the id as it came.
//
// A key is its own key, so that what the store shows can be asked for: a conversation's
// leaf_event_id is a key.
func keyOf(text string) string {
	if plain(text) || isKey(text) {
		return text
	}
	return hashKey(text)
}

func hashKey(text string) string {
	sum := sha256.Sum256([]byte(text))
	return keyMark + hex.EncodeToString(sum[:])
}

// nameKey is keyOf for kinds and sources, which need not be told apart by white space: only
// what a column can't hold is hashed.
func nameKey(text string) string {
	fits := utf8.RuneCountInString(text) <= maxID && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
	if fits || isKey(text) {
		return text
	}
	return hashKey(text)
}

// plain tells what a column holds as it is. White space at the end counts on some engines
// only, control characters include NUL, and what Unicode replaces would make two texts one.
func plain(text string) bool {
	odd := func(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) }
	return text != "" && utf8.RuneCountInString(text) <= maxID && !strings.HasPrefix(text, keyMark) &&
		utf8.ValidString(text) && !strings.ContainsFunc(text, odd)
}

func isKey(text string) bool {
	digits, ok := strings.CutPrefix(text, keyMark)
	return ok && len(digits) == 2*sha256.Size && strings.Trim(digits, "0123456789abcdef") == ""
}

// keyOfJSON is keyOf of a JSON string, "" for anything else. Where escapes of surrogates don't
// pair up, the string has no text of its own, and its key is that of its spelling.
func keyOfJSON(raw []byte) string {
	if wire.Kind(raw) != '"' {
		return ""
	}
	text := looseText(raw)
	if strings.ContainsRune(text, utf8.RuneError) {
		text = string(raw)
	}
	if text == "" {
		return ""
	}
	return keyOf(text)
}
