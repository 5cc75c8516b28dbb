package sqltext

import "strings"

// Sharing is what a text may do to a transaction that several units of work share. It is
// about SQLite alone.
type Sharing uint8

const (
	// Harmless is for statements that roll back at most themselves.
	Harmless Sharing = iota
	// Defers is for PRAGMA defer_foreign_keys, which lasts until the transaction ends, for
	// all units of work.
	Defers
	// Overrules is for INSERT OR ROLLBACK and UPDATE OR ROLLBACK: they roll back the whole
	// transaction if they violate a constraint. See WithoutRollback.
	Overrules
	// Undoes is for statements that create a constraint or a trigger that rolls back the
	// whole transaction. It is also for ATTACH: the attached database may have such ones.
	Undoes
)

// SharingOf reads all statements of a text. It does not know the constraints and triggers of
// the database.
func SharingOf(d Dialect, text string) (worst Sharing) {
	if !mentions(text, "ROLLBACK", "ATTACH", "defer_foreign_keys") {
		return Harmless
	}
	for s := range segments(d, text) {
		sharing := Harmless
		switch {
		case s.is(0, "ATTACH"):
			sharing = Undoes
		case s.is(0, "PRAGMA"):
			if s.is(1, "defer_foreign_keys") || s.is(3, "defer_foreign_keys") {
				sharing = Defers
			}
		default:
			sharing = s.rollbacks(nil)
		}
		worst = max(worst, sharing)
	}
	return worst
}

// rollbacks looks for the word ROLLBACK, except as the first word. It calls found, if not
// nil, for each OR ROLLBACK.
func (s *segment) rollbacks(found func(Token)) (worst Sharing) {
	or, verb, creates := false, true, s.is(0, "CREATE")
	for t := range s.tokens() {
		word := t.Kind == Word
		if !verb && word && strings.EqualFold(s.Text(t), "ROLLBACK") {
			if !or || creates {
				return Undoes
			}
			worst = Overrules
			if found != nil {
				found(t)
			}
		}
		or, verb = word && strings.EqualFold(s.Text(t), "OR"), false
	}
	return worst
}

// WithoutRollback replaces each OR ROLLBACK in a text by OR ABORT: a violation rolls back
// only its statement, and the caller must roll back the rest.
func WithoutRollback(d Dialect, text string) string {
	var b strings.Builder
	from := 0
	for s := range segments(d, text) {
		s.rollbacks(func(t Token) {
			b.WriteString(text[from:t.From])
			b.WriteString("ABORT")
			from = t.To
		})
	}
	b.WriteString(text[from:])
	return b.String()
}

// mentions is a quick check: it is false if a text has none of the words, not even in a
// value.
func mentions(text string, words ...string) bool {
	inWord := false
	for i := range len(text) {
		begins := !inWord
		inWord = text[i] < 0x80 && wordByte(text[i]) // a byte order mark is space
		if !begins || !inWord {
			continue
		}
		for _, word := range words {
			if text[i]|0x20 == word[0]|0x20 && hasWord(text[i:], word) {
				return true
			}
		}
	}
	return false
}
