package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openhands-go/server/app/wire"
)

// keyMark is the prefix of hashed keys.
const keyMark = "~"

// keyOf returns the text that the column id has for an event's id: the id itself, or its hash if the column
// can't hold it or engines compare it in different ways. The payload always has the id unchanged.
//
// The key of a key is the key itself: so clients can get an event by a conversation's leaf_event_id, which is a
// key.
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

// nameKey is keyOf for kinds and sources. It hashes only texts that the column can't hold, because kinds do not
// differ in white space only.
func nameKey(text string) string {
	fits := utf8.RuneCountInString(text) <= maxID && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
	if fits || isKey(text) {
		return text
	}
	return hashKey(text)
}

// plain reports whether the column can hold an id unchanged. Not all engines compare white space at the end,
// PostgreSQL can't store NUL, and the replacement character could make two ids equal.
func plain(text string) bool {
	special := func(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) }
	return text != "" && utf8.RuneCountInString(text) <= maxID && !strings.HasPrefix(text, keyMark) &&
		utf8.ValidString(text) && !strings.ContainsFunc(text, special)
}

func isKey(text string) bool {
	digits, ok := strings.CutPrefix(text, keyMark)
	return ok && len(digits) == 2*sha256.Size && strings.Trim(digits, "0123456789abcdef") == ""
}

// keyOfJSON returns the key of a JSON string, or "" for any other value. A string with unpaired surrogate escapes
// can't be decoded: its key is that of its JSON text.
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
