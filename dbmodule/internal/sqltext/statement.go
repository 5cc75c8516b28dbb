package sqltext

import "strings"

// FirstWord returns the first word of a text, after comments and opening brackets. It is
// empty if something else comes first.
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

// PlainSelect reports whether a text is one SELECT that takes no locks, has no INTO and changes
// no setting for the statements after it, as set_config does. It is false for texts that may be
// more, such as WITH.
func PlainSelect(d Dialect, text string) bool {
	const verb = "SELECT"
	if len(text) <= len(verb) || !strings.EqualFold(text[:len(verb)], verb) || wordByte(text[len(verb)]) {
		return false
	}
	more := strings.IndexByte(text, ';') >= 0 || mentions(text, "FOR", "LOCK", "INTO", "SET_CONFIG") || d == MySQL && strings.Contains(text, ":=")
	return !more || !locks(d, text) && !EffectsOf(d, text).Has(Settings|LocalSettings)
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

// SavepointOf returns what a text does with a savepoint, and the savepoint's name. Names that
// are equal for the engine are returned as equal.
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

// EndsTransaction returns the words, in upper case, with which a statement in the text ends the
// transaction; "" for none. ROLLBACK TO and the END of a trigger don't end it. On MySQL, BEGIN and
// START TRANSACTION do: MySQL commits first. What a procedure does is not seen.
func EndsTransaction(d Dialect, text string) string {
	if strings.IndexByte(text, ';') < 0 && !canEnd(FirstWord(d, text)) {
		return ""
	}
	trigger, first := false, true
	for s := range segments(d, text) {
		switch {
		case trigger:
			trigger = !s.is(0, "END")
		case d != SQLite && s.is(0, "CREATE") && s.hasBody():
			return "" // the rest of the text is the body
		case s.is(0, "CREATE"):
			trigger = s.is(1, "TRIGGER") || s.is(2, "TRIGGER") // CREATE TEMP TRIGGER
		default:
			if words := s.ending(d, first); words != "" {
				return words
			}
		}
		first = false
	}
	return ""
}

// canEnd reports whether a statement that begins with the word may end the transaction.
func canEnd(word string) bool {
	for _, other := range [...]string{"COMMIT", "ROLLBACK", "END", "ABORT", "PREPARE", "BEGIN", "START"} {
		if strings.EqualFold(word, other) {
			return true
		}
	}
	return false
}

// ending is EndsTransaction for one statement. first is set for the first one of the text: on
// MySQL a later BEGIN or END belongs to a compound statement.
func (s *segment) ending(d Dialect, first bool) string {
	switch {
	case s.is(0, "ROLLBACK") && (s.is(1, "TO") || s.is(2, "TO")):
		return ""
	case s.isAny(0, "COMMIT", "ROLLBACK"), s.is(0, "END") && d != MySQL, s.is(0, "ABORT") && d == PostgreSQL,
		s.is(0, "BEGIN") && d == MySQL && first && !s.is(1, "NOT"):
		return strings.ToUpper(s.word(0))
	case s.is(0, "PREPARE") && s.is(1, "TRANSACTION") && d == PostgreSQL, s.is(0, "START") && s.is(1, "TRANSACTION") && d == MySQL:
		return strings.ToUpper(s.word(0)) + " TRANSACTION"
	}
	return ""
}
