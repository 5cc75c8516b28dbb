package sqltext

import "strings"

// Sharing is what a text may do to a transaction that other units of work
// share.
type Sharing uint8

const (
	// Harmless statements undo at most themselves.
	Harmless Sharing = iota
	// Defers is PRAGMA defer_foreign_keys, which holds until the transaction ends, for
	// all who share it.
	Defers
	// Overrules is INSERT OR ROLLBACK and UPDATE OR ROLLBACK, which undo the whole
	// transaction when a constraint is violated; WithoutRollback takes that away.
	Overrules
	// Undoes creates a constraint or a trigger that undoes the whole transaction, or
	// is ATTACH, since such may be in what it attaches.
	Undoes
)

// SharingOf reads all statements of a text. What constraints and triggers do that are
// there already is not seen.
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

// rollbacks looks for ROLLBACK, save where it is the verb, and tells found where it
// follows OR.
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

// WithoutRollback returns a text that Overrules with ABORT in place of each ROLLBACK:
// a violation undoes its statement, and whoever runs it is to undo the rest.
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

// mentions is a quick look: it is false for a text that has none of the words, not
// even in a value.
func mentions(text string, words ...string) bool {
	for i := range len(text) {
		if i > 0 && wordByte(text[i-1]) && text[i-1] < 0x80 { // a byte order mark is space
			continue
		}
		switch text[i] | 0x20 {
		case 'a', 'd', 'r':
			for _, word := range words {
				if hasWord(text[i:], word) {
					return true
				}
			}
		}
	}
	return false
}
