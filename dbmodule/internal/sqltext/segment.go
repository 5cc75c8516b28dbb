package sqltext

import (
	"iter"
	"strings"
)

// longestHead is how many tokens at the beginning of a statement tell its kind.
const longestHead = 8

// segment is one of the statements of a text. The reader stands after the head.
type segment struct {
	*Reader
	// head are the statement's first tokens.
	head [longestHead]Token
	// n is how many tokens the head has.
	n int
	// last is the token that was read last.
	last Token
}

// segments splits a text at its semicolons, also at those in the body of a trigger. Comments
// and empty statements are left out.
func segments(d Dialect, text string) iter.Seq[*segment] {
	return func(yield func(*segment) bool) {
		r := NewReader(d, text)
		s := segment{Reader: &r}
		for s.begin() && yield(&s) {
			for s.more() {
			}
		}
	}
}

// begin reads the head of the next statement. It reports false after the last.
func (s *segment) begin() bool {
	t := s.Significant()
	for t.Kind == Symbol && (s.text[t.From] == '(' || s.text[t.From] == ';') {
		t = s.Significant()
	}
	s.head[0], s.n, s.last = t, 1, t
	for s.n < longestHead && s.more() {
		s.head[s.n] = s.last
		s.n++
	}
	return t.Kind != End
}

// more reads another token of the statement. It reports false after the last.
func (s *segment) more() bool {
	if s.ends(s.last) {
		return false
	}
	s.last = s.Significant()
	return !s.ends(s.last)
}

// tokens returns the statement's tokens, once.
func (s *segment) tokens() iter.Seq[Token] {
	return func(yield func(Token) bool) {
		for i := range s.n {
			if !yield(s.head[i]) {
				return
			}
		}
		for s.more() {
			if !yield(s.last) {
				return
			}
		}
	}
}

// ends reports whether a token ends the statement.
func (s *segment) ends(t Token) bool {
	return t.Kind == End || t.Kind == Symbol && s.text[t.From] == ';'
}

// word returns a word of the head, "" for any other token.
func (s *segment) word(i int) string {
	if i < s.n && s.head[i].Kind == Word {
		return s.Text(s.head[i])
	}
	return ""
}

func (s *segment) is(i int, word string) bool { return strings.EqualFold(s.word(i), word) }

// isAny reports whether a word of the head is one of these.
func (s *segment) isAny(i int, words ...string) bool {
	word := s.word(i)
	for _, other := range words {
		if len(word) == len(other) && strings.EqualFold(word, other) {
			return true
		}
	}
	return false
}

// isSymbol reports whether a token of the head is that symbol.
func (s *segment) isSymbol(i int, symbol string) bool {
	return i < s.n && s.head[i].Kind == Symbol && s.Text(s.head[i]) == symbol
}
