package sqlscan

// Reader reads the tokens of a statement, one after the other.
type Reader struct {
	Tokens []Token
	// At is the index of the next token.
	At int
}

// Ended reports whether there is no token left.
func (r *Reader) Ended() bool { return r.At >= len(r.Tokens) }

// Comes reads these words if they come next, and reports whether they did.
func (r *Reader) Comes(words ...string) bool {
	for i, word := range words {
		if r.At+i >= len(r.Tokens) || !r.Tokens[r.At+i].Is(word) {
			return false
		}
	}
	r.At += len(words)
	return true
}

// Next reports whether one of the words comes next. It does not read it.
func (r *Reader) Next(words ...string) bool { return !r.Ended() && r.Tokens[r.At].Is(words...) }

// Symbol reads the symbol if it comes next, and reports whether it did.
func (r *Reader) Symbol(text string) bool {
	if r.Ended() || !r.Tokens[r.At].IsSymbol(text) {
		return false
	}
	r.At++
	return true
}

// Any reads and returns the next token. At the end it returns an empty one.
func (r *Reader) Any() Token {
	if r.Ended() {
		return Token{}
	}
	r.At++
	return r.Tokens[r.At-1]
}
