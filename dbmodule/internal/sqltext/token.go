package sqltext

import "strings"

// Dialect is how a text is read.
type Dialect uint8

// The dialects. MariaDB is read as MySQL.
const (
	SQLite Dialect = iota + 1
	PostgreSQL
	MySQL
)

// Kind tells tokens apart.
type Kind uint8

const (
	// End comes after the last token.
	End Kind = iota
	// Word is a keyword or a name without quotes.
	Word
	// Quoted is a name in quotes.
	Quoted
	// String is a string in single quotes, or on MySQL in double quotes.
	String
	// Prefixed is a string with a prefix, such as E'…' and X'…', or one between
	// PostgreSQL's dollars.
	Prefixed
	// Number begins with a digit, or with a point and a digit.
	Number
	// Variable is a placeholder of a driver ($1, :name), or a variable (@name).
	Variable
	// Symbol is an operator, or any other character.
	Symbol
	// Comment is one of any form.
	Comment
)

// Token is a part of a text.
type Token struct {
	Kind     Kind
	From, To int
	// Open is set for a string, a name or a comment that does not end.
	Open bool
}

// Reader splits a text into tokens. White space between them is skipped.
type Reader struct {
	dialect Dialect
	text    string
	pos     int
	// runs is set inside a comment that MySQL runs, see executable.
	runs bool
}

// NewReader makes a reader of a text.
func NewReader(d Dialect, text string) Reader { return Reader{dialect: d, text: text} }

// Text returns a token's part of the text.
func (r *Reader) Text(t Token) string { return r.text[t.From:t.To] }

// byteOrderMark is white space to SQLite.
const byteOrderMark = "\ufeff"

// Next returns the next token; after the last, End.
func (r *Reader) Next() Token {
	r.space()
	from := r.pos
	if from == len(r.text) {
		return Token{Kind: End, From: from, To: from}
	}
	kind, to, open := r.read()
	if kind == Comment {
		r.runs = r.runs && !r.ends() || r.executable() > 0
	}
	r.pos = to
	return Token{Kind: kind, From: from, To: to, Open: open}
}

// Seek sets the offset at which the next token is read. It must not be inside a comment.
func (r *Reader) Seek(pos int) { r.pos = pos }

// Executing reports whether the reader is inside a comment that MySQL runs.
func (r *Reader) Executing() bool { return r.runs }

// Significant is Next without comments.
func (r *Reader) Significant() Token {
	for {
		if t := r.Next(); t.Kind != Comment {
			return t
		}
	}
}

func (r *Reader) space() {
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == ' ' || '\t' <= c && c <= '\r':
			r.pos++
		case c == byteOrderMark[0] && r.dialect == SQLite && strings.HasPrefix(r.text[r.pos:], byteOrderMark):
			r.pos += len(byteOrderMark)
		default:
			return
		}
	}
}

// at returns the byte at an offset from the reader's place, 0 after the end.
func (r *Reader) at(offset int) byte {
	if r.pos+offset < len(r.text) {
		return r.text[r.pos+offset]
	}
	return 0
}

// read reads the token at the reader's place.
func (r *Reader) read() (kind Kind, to int, open bool) {
	c := r.text[r.pos]
	switch {
	case c == '\'':
		return r.quoted(String, r.pos, r.dialect == MySQL)
	case c == '"' && r.dialect == MySQL:
		return r.quoted(String, r.pos, true)
	case c == '"', c == '`' && r.dialect != PostgreSQL:
		return r.quoted(Quoted, r.pos, false)
	case c == '[' && r.dialect == SQLite:
		return r.until(Quoted, "]", r.pos)
	case r.comments(), r.ends():
		return r.comment()
	case c == '$' && r.dialect == PostgreSQL:
		return r.dollar()
	case c == '$', c == ':' && wordByte(r.at(1)) && r.dialect == SQLite, c == '@' && r.dialect != PostgreSQL:
		return Variable, r.wordEnd(r.pos + 1), false
	case digit(c), c == '.' && digit(r.at(1)):
		return Number, r.number(), false
	case wordByte(c):
		return r.word()
	default:
		return Symbol, r.symbol(), false
	}
}

// comments reports whether a comment begins here.
func (r *Reader) comments() bool {
	switch r.text[r.pos] {
	case '#':
		return r.dialect == MySQL
	case '-':
		return r.at(1) == '-' && (r.dialect != MySQL || r.at(2) <= ' ')
	case '/':
		return r.at(1) == '*'
	}
	return false
}

// executable returns the length of the mark of a comment that MySQL runs, such as /*!50001 or
// MariaDB's /*M!100100; 0 for any other. The mark and the end of such a comment are comments,
// and what stands between them is part of the text.
func (r *Reader) executable() int {
	if r.dialect != MySQL || r.runs {
		return 0
	}
	mark := 0
	for _, begin := range [...]string{"/*!", "/*M!"} {
		if strings.HasPrefix(r.text[r.pos:], begin) {
			mark = len(begin)
		}
	}
	const longestVersion = 6
	for i := 0; i < longestVersion && mark > 0 && digit(r.at(mark)); i++ {
		mark++
	}
	return mark
}

// ends reports whether a comment that MySQL runs ends here.
func (r *Reader) ends() bool { return r.runs && r.at(0) == '*' && r.at(1) == '/' }

func (r *Reader) comment() (kind Kind, to int, open bool) {
	if r.ends() {
		return Comment, r.pos + 2, false
	}
	if mark := r.executable(); mark > 0 {
		return Comment, r.pos + mark, false
	}
	if r.text[r.pos] != '/' {
		kind, to, _ = r.until(Comment, "\n", r.pos)
		return kind, to, false
	}
	if r.dialect != PostgreSQL {
		return r.until(Comment, "*/", r.pos+2)
	}
	for depth, i := 1, r.pos+2; i < len(r.text)-1; i++ { // they nest
		switch r.text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return Comment, i + 1, false
			}
		}
	}
	return Comment, len(r.text), true
}

// until reads up to the end of a mark.
func (r *Reader) until(k Kind, mark string, from int) (kind Kind, to int, open bool) {
	if i := strings.Index(r.text[from:], mark); i >= 0 {
		return k, from + i + len(mark), false
	}
	return k, len(r.text), true
}

// quoted reads what begins with the quote at from. Two quotes stand for one.
func (r *Reader) quoted(k Kind, from int, backslashes bool) (kind Kind, to int, open bool) {
	quote := r.text[from]
	for i := from + 1; i < len(r.text); i++ {
		switch r.text[i] {
		case '\\':
			if backslashes {
				i++
			}
		case quote:
			if i+1 < len(r.text) && r.text[i+1] == quote {
				i++
				continue
			}
			return k, i + 1, false
		}
	}
	return k, len(r.text), true
}

// dollar reads $1, which is a placeholder, and $tag$text$tag$.
func (r *Reader) dollar() (kind Kind, to int, open bool) {
	i := r.pos + 1
	for i < len(r.text) && wordByte(r.text[i]) && r.text[i] != '$' {
		i++
	}
	if i < len(r.text) && r.text[i] == '$' && !digit(r.at(1)) {
		return r.until(Prefixed, r.text[r.pos:i+1], i+1)
	}
	return Variable, i, false
}

// number reads digits, a point among them, and all letters directly after them, such as an exponent
// with its sign. It also takes a name that begins with a digit, which MySQL allows; no caller minds.
func (r *Reader) number() int {
	i, point := r.pos, false
	for i < len(r.text) && (digit(r.text[i]) || r.text[i] == '.' && !point) {
		point = point || r.text[i] == '.'
		i++
	}
	if i+1 < len(r.text) && r.text[i]|0x20 == 'e' && (r.text[i+1] == '+' || r.text[i+1] == '-') {
		i += 2
	}
	return r.wordEnd(i)
}

func (r *Reader) wordEnd(from int) int {
	for from < len(r.text) && wordByte(r.text[from]) {
		from++
	}
	return from
}

func (r *Reader) word() (kind Kind, to int, open bool) {
	end := r.wordEnd(r.pos)
	if end == len(r.text) || r.text[end] != '\'' || !r.dialect.isPrefix(r.text[r.pos:end]) {
		return Word, end, false
	}
	if r.dialect == PostgreSQL && r.text[r.pos]|0x20 == 'e' {
		return r.escapes(end)
	}
	return r.quoted(Prefixed, end, r.dialect == MySQL)
}

// isPrefix reports whether a word directly before a quote belongs to the string: X'00', E'\n',
// _utf8mb4'a'. Any other word is a word of its own, as in SELECT'a'.
func (d Dialect) isPrefix(word string) bool {
	letters := [...]string{SQLite: "xX", PostgreSQL: "bBeEnNxX", MySQL: "bBnNxX"}
	return len(word) == 1 && strings.Contains(letters[d], word) || d == MySQL && word[0] == '_'
}

// escapes reads PostgreSQL's string with backslashes, whose first quote is at from. In the next
// line, further quotes continue the string.
func (r *Reader) escapes(from int) (kind Kind, to int, open bool) {
	for {
		if kind, to, open = r.quoted(Prefixed, from, true); open {
			return kind, to, open
		}
		after := Reader{dialect: r.dialect, text: r.text, pos: to}
		for after.space(); after.at(0) == '-' && after.comments(); after.space() {
			_, after.pos, _ = after.comment()
		}
		if !strings.Contains(r.text[to:after.pos], "\n") || after.at(0) != '\'' {
			return kind, to, open
		}
		from = after.pos
	}
}

// operators are the characters of which PostgreSQL makes operators.
const operators = "+-*/<>=~!@#%^&|?"

// symbol reads an operator. A sign at its end belongs to what follows, by the
// rule of PostgreSQL: unless the operator has a character that no standard one has.
func (r *Reader) symbol() int {
	i, unusual := r.pos, false
	for i < len(r.text) && strings.IndexByte(operators, r.text[i]) >= 0 {
		rest := r.text[i:]
		if i > r.pos && (r.runs && strings.HasPrefix(rest, "*/") || strings.HasPrefix(rest, "/*") || strings.HasPrefix(rest, "--") && r.dialect != MySQL) {
			break
		}
		unusual = unusual || strings.IndexByte("~!@#%^&|?", rest[0]) >= 0
		i++
	}
	if i == r.pos {
		if r.at(0) == ':' && (r.at(1) == ':' || r.at(1) == '=') {
			return i + 2
		}
		return i + 1
	}
	for i-r.pos > 1 && (r.text[i-1] == '-' || r.text[i-1] == '+') && (!unusual || r.dialect != PostgreSQL) {
		i--
	}
	return i
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func wordByte(c byte) bool {
	return digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}
