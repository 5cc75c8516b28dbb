package sqltext

import "strings"

// FirstWord returns the word with which a text begins. Comments and opening
// brackets before it don't count. It is empty for a text that begins with
// anything else.
func FirstWord(d Dialect, text string) string {
	r := NewReader(d, text)
	t := r.Significant()
	for t.Kind == Symbol && r.Text(t) == "(" {
		t = r.Significant()
	}
	if t.Kind != Word {
		return ""
	}
	return r.Text(t)
}

// PlainSelect reports whether a text is one SELECT that takes no locks and stores
// nothing by INTO. It is false for what it does not know, such as WITH, which can
// hold anything.
func PlainSelect(d Dialect, text string) bool {
	const verb = "SELECT"
	if len(text) <= len(verb) || !strings.EqualFold(text[:len(verb)], verb) || wordByte(text[len(verb)]) {
		return false
	}
	return !mayLock(text) || !locks(d, text)
}

// mayLock is a quick look: it is false for most of the texts that take no locks.
func mayLock(text string) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ';':
			return true
		case wordByte(c):
		default:
			rest := text[i+1:]
			if rest == "" || strings.IndexByte("fli", rest[0]|0x20) < 0 {
				continue
			}
			for _, word := range [...]string{"for", "lock", "into"} {
				if hasWord(rest, word) {
					return true
				}
			}
		}
	}
	return false
}

// hasWord reports whether a text begins with a word.
func hasWord(text, word string) bool {
	return len(text) >= len(word) && strings.EqualFold(text[:len(word)], word) && (len(text) == len(word) || !wordByte(text[len(word)]))
}

// locks looks for FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE, INTO and a second
// statement.
func locks(d Dialect, text string) bool {
	r := NewReader(d, text)
	for t := r.Significant(); t.Kind != End; t = r.Significant() {
		switch word := r.Text(t); {
		case t.Kind == Symbol && word == ";":
			if after := r.Significant(); after.Kind != End {
				return true
			}
		case t.Kind != Word:
		case strings.EqualFold(word, "FOR"), strings.EqualFold(word, "LOCK"), strings.EqualFold(word, "INTO"):
			return true
		}
	}
	return false
}

// Savepoint is what a text does with a savepoint.
type Savepoint uint8

const (
	// NoSavepoint is a text that does nothing with one.
	NoSavepoint Savepoint = iota
	// Set is SAVEPOINT name.
	Set
	// Release is RELEASE [SAVEPOINT] name.
	Release
	// RollbackTo is ROLLBACK [WORK|TRANSACTION] TO [SAVEPOINT] name.
	RollbackTo
)

// SavepointOf tells what a text does with a savepoint, and with which. Two names
// that are equal for the engine are equal.
func SavepointOf(d Dialect, text string) (verb Savepoint, name string) {
	r := NewReader(d, text)
	first := r.Significant()
	if first.Kind != Word {
		return NoSavepoint, ""
	}
	switch word := r.Text(first); {
	case strings.EqualFold(word, "SAVEPOINT"):
		verb = Set
	case strings.EqualFold(word, "RELEASE"):
		verb = Release
	case strings.EqualFold(word, "ROLLBACK"):
		verb = RollbackTo
	default:
		return NoSavepoint, ""
	}
	t := r.Significant()
	skip := func(word string) bool {
		if t.Kind == Word && strings.EqualFold(r.Text(t), word) {
			t = r.Significant()
			return true
		}
		return false
	}
	if verb == RollbackTo {
		_ = skip("WORK") || skip("TRANSACTION")
		if !skip("TO") {
			return NoSavepoint, ""
		}
	}
	if verb != Set {
		skip("SAVEPOINT")
	}
	if name = nameOf(d, t.Kind, r.Text(t)); name == "" {
		return NoSavepoint, ""
	}
	return verb, name
}

// nameOf returns a name as the engine compares it.
func nameOf(d Dialect, kind Kind, text string) string {
	switch kind {
	case Word:
		return strings.ToLower(text)
	case Quoted, String: // SQLite takes names in single quotes
		if len(text) < 2 {
			return ""
		}
		quote := text[len(text)-1:]
		text = strings.ReplaceAll(text[1:len(text)-1], quote+quote, quote)
		if d == PostgreSQL {
			return text
		}
		return strings.ToLower(text)
	}
	return ""
}

// EndsTransaction returns the word by which a statement in the text ends the
// transaction, in upper case; "" for none. ROLLBACK TO does not, nor does the END
// of a trigger.
func EndsTransaction(d Dialect, text string) string {
	if !mayEnd(text) {
		return ""
	}
	trigger := false
	for s := range segments(d, text) {
		word := strings.ToUpper(s.word(0))
		switch {
		case trigger:
			trigger = word != "END"
		case word == "CREATE":
			trigger = s.is(1, "TRIGGER") || s.is(2, "TRIGGER") // CREATE TEMP TRIGGER
		case word == "ROLLBACK" && (s.is(1, "TO") || s.is(2, "TO")):
		case word == "COMMIT", word == "END", word == "ROLLBACK":
			return word
		}
	}
	return ""
}

// mayEnd is a quick look: it is false for a text without the words of
// EndsTransaction.
func mayEnd(text string) bool {
	for i := range len(text) {
		if i > 0 && wordByte(text[i-1]) && text[i-1] < 0x80 { // a byte order mark is space
			continue
		}
		switch text[i] | 0x20 {
		case 'c', 'e', 'r':
			if hasWord(text[i:], "COMMIT") || hasWord(text[i:], "END") || hasWord(text[i:], "ROLLBACK") {
				return true
			}
		}
	}
	return false
}
