package sqlscan

// Reader reads the tokens of a statement, one after the other.
type Reader struct {
	Tokens []Token
	// At is the index of the next token.
	At int

	statement string
}

// Read returns a reader of a statement's tokens.
func (d *Dialect) Read(statement string) Reader {
	return Reader{Tokens: d.Tokens(statement), statement: statement}
}

// Ended reports whether there is no token left.
func (r *Reader) Ended() bool { return r.At >= len(r.Tokens) }

// Comes reports whether these words come next. It does not read them.
func (r *Reader) Comes(words ...string) bool {
	for i, word := range words {
		if r.At+i >= len(r.Tokens) || !r.Tokens[r.At+i].Is(word) {
			return false
		}
	}
	return true
}

// ComesOneOf reports whether one of the words comes next. It does not read it.
func (r *Reader) ComesOneOf(words ...string) bool {
	return !r.Ended() && r.Tokens[r.At].Is(words...)
}

// Accept reads these words if they come next, and reports whether they did.
func (r *Reader) Accept(words ...string) bool {
	if !r.Comes(words...) {
		return false
	}
	r.At += len(words)
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

// SkipClause reads up to and including the next comma. It reads a list in parentheses as a whole. It
// ends after the parenthesis that closes the list around the present token.
func (r *Reader) SkipClause() {
	for depth := 0; !r.Ended(); {
		token := r.Any()
		if depth += token.Nesting(); depth < 0 || depth == 0 && token.Is(",") {
			return
		}
	}
}

// TextFrom returns the statement's text from the token with this index to the last one that was read.
func (r *Reader) TextFrom(i int) string {
	return r.statement[r.Tokens[i].Pos:r.Tokens[r.At-1].End()]
}

// Rest returns the statement's text from the next token on. At the end it returns "".
func (r *Reader) Rest() string {
	if r.Ended() {
		return ""
	}
	return r.statement[r.Tokens[r.At].Pos:]
}

// Clauses splits tokens at the commas outside parentheses. It returns at least one clause, which may
// be empty.
func Clauses(tokens []Token) [][]Token {
	var clauses [][]Token
	depth, from := 0, 0
	for i, token := range tokens {
		if depth += token.Nesting(); depth == 0 && token.Is(",") {
			clauses = append(clauses, tokens[from:i])
			from = i + 1
		}
	}
	return append(clauses, tokens[from:])
}

// Closing returns the index of the token that closes the parenthesis or bracket at i; the number of tokens
// if there is none. If the token at i is neither, Closing returns i.
func Closing(tokens []Token, i int) int {
	depth := 0
	for ; i < len(tokens); i++ {
		if depth += tokens[i].Nesting(); depth == 0 {
			return i
		}
	}
	return i
}
