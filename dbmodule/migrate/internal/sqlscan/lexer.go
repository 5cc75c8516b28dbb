package sqlscan

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Dialect is an engine's SQL syntax.
type Dialect struct {
	quotes         string // the characters that open a string or a quoted name
	backslashes    bool   // a backslash escapes in strings
	eStrings       bool   // PostgreSQL's E'…'
	dollars        bool   // PostgreSQL's $tag$…$tag$
	nestedComments bool
	hashComments   bool
	spacedDashes   bool // "--" begins a comment only before a space
	executable     bool // the server executes comments such as /*!50001 … */
	delimiters     bool // the client has the command DELIMITER
	parentheses    bool // a semicolon in parentheses does not end the statement
	commands       bool // the client's commands begin with a backslash
	blocks         func() blocks
}

// The dialects of the engines. MySQL is that of MariaDB too.
var (
	SQLite     = &Dialect{quotes: "'\"`[", blocks: newSQLiteBlocks}
	PostgreSQL = &Dialect{quotes: "'\"", eStrings: true, dollars: true, nestedComments: true, parentheses: true, commands: true, blocks: newPostgresBlocks}
	MySQL      = &Dialect{quotes: "'\"`", backslashes: true, hashComments: true, spacedDashes: true, executable: true, delimiters: true, blocks: newMySQLBlocks}
)

// Kind is the kind of a [Token].
type Kind uint8

// The kinds of tokens.
const (
	// Word is a keyword, a name without quotes, or a number.
	Word Kind = iota
	// Name is a quoted name.
	Name
	// String is a string, with its quotes and its prefix, such as x'00'.
	String
	// Symbol is any other character.
	Symbol

	comment // a comment that the server does not execute
	opening // "/*!50001"
	closing // the "*/" for an opening
)

// Token is a token of a statement.
type Token struct {
	Kind Kind
	// Text is the token's text in the statement.
	Text string
	// Pos is the token's offset in the statement.
	Pos int
}

// Is reports whether the token is one of the words or symbols. It ignores the case of words.
func (t Token) Is(words ...string) bool {
	if t.Kind != Word && t.Kind != Symbol {
		return false
	}
	for _, word := range words {
		if strings.EqualFold(t.Text, word) {
			return true
		}
	}
	return false
}

// End is the offset after the token in the statement.
func (t Token) End() int { return t.Pos + len(t.Text) }

// Nesting returns 1 for an opening parenthesis or bracket, -1 for a closing one, and 0 for any other
// token.
func (t Token) Nesting() int {
	switch {
	case t.Is("(", "["):
		return 1
	case t.Is(")", "]"):
		return -1
	}
	return 0
}

// Unquoted returns a name or a string without its quotes. Any other token it returns as it is.
func (t Token) Unquoted() string {
	if t.Kind != Name && t.Kind != String || strings.IndexByte("'\"`[", t.Text[0]) < 0 {
		return t.Text
	}
	quote, text := t.Text[:1], t.Text[1:len(t.Text)-1]
	if quote == "[" {
		return text
	}
	return strings.ReplaceAll(text, quote+quote, quote)
}

// PostgresName returns a name as PostgreSQL stores it: in lower case unless it is quoted.
func (t Token) PostgresName() string {
	if t.Kind == Name {
		return t.Unquoted()
	}
	return strings.ToLower(t.Text)
}

// lexer reads tokens. A copy of it looks ahead.
type lexer struct {
	*Dialect
	text      string
	pos       int
	delimiter string
	executing bool // pos is in a comment that the server executes
}

// line returns the line of an offset, for errors.
func (l *lexer) line(pos int) int { return 1 + strings.Count(l.text[:pos], "\n") }

// Error says that text can't be read.
type Error struct {
	// Line is the line of the problem, from 1.
	Line int
	// Problem says what is wrong.
	Problem string
}

// Error names the line.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

func (l *lexer) fail(pos int, format string, args ...any) error {
	return &Error{Line: l.line(pos), Problem: fmt.Sprintf(format, args...)}
}

func (l *lexer) rest() string { return l.text[l.pos:] }

// space skips white space and returns it.
func (l *lexer) space() string {
	from := l.pos
	l.pos = len(l.text) - len(strings.TrimLeftFunc(l.rest(), unicode.IsSpace))
	return l.text[from:l.pos]
}

// next reads the token at the position, where there must be neither white space nor the end of the
// text.
func (l *lexer) next() (Token, error) {
	from := l.pos
	kind, err := l.advance()
	return Token{Kind: kind, Text: l.text[from:l.pos], Pos: from}, err
}

// advance moves the position to the end of the token that begins there, and returns its kind.
func (l *lexer) advance() (Kind, error) {
	rest := l.rest()
	c := rest[0]
	switch {
	case strings.HasPrefix(rest, "--") && l.isDashComment(rest[2:]), c == '#' && l.hashComments:
		l.skipPast("\n")
		return comment, nil
	case strings.HasPrefix(rest, "/*"):
		return l.blockComment()
	case l.executing && strings.HasPrefix(rest, "*/"):
		l.pos += 2
		l.executing = false
		return closing, nil
	case strings.IndexByte(l.quotes, c) >= 0:
		return l.quoted(c, l.backslashes && c != '`')
	case l.dollars && c == '$':
		if tag := dollarTag(rest); tag != "" {
			return l.dollarQuoted(tag)
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	if !isWordRune(r) {
		l.pos += size
		return Symbol, nil
	}
	l.word()
	if prefix := l.text[len(l.text)-len(rest) : l.pos]; strings.HasPrefix(l.rest(), "'") {
		switch {
		case l.eStrings && strings.EqualFold(prefix, "e"):
			return l.escaped()
		case len(prefix) == 1 && strings.Contains("bBnNxX", prefix), prefix[0] == '_' && l.backslashes: // _utf8mb4'…'
			return l.quoted('\'', l.backslashes)
		}
	}
	return Word, nil
}

// isDashComment reports whether "--" begins a comment. after is the text after it.
func (l *lexer) isDashComment(after string) bool {
	return !l.spacedDashes || after == "" || after[0] <= ' '
}

// skipPast moves the position after the next end. If there is none, it moves to the end of the text and
// returns false.
func (l *lexer) skipPast(end string) bool {
	at := strings.Index(l.rest(), end)
	if at < 0 {
		l.pos = len(l.text)
		return false
	}
	l.pos += at + len(end)
	return true
}

// blockComment reads a comment. Of a comment that the server executes it reads only the opening.
func (l *lexer) blockComment() (Kind, error) {
	from := l.pos
	if l.executable && !l.executing {
		if mark := executableMark(l.rest()); mark > 0 {
			l.pos += mark
			l.executing = true
			return opening, nil
		}
	}
	l.pos += 2
	for depth := 1; depth > 0; depth-- {
		if l.nestedComments {
			end := strings.Index(l.rest(), "*/")
			inner := strings.Index(l.rest(), "/*")
			if inner >= 0 && inner < end {
				l.pos += inner + 2
				depth += 2
				continue
			}
		}
		if !l.skipPast("*/") {
			return comment, l.fail(from, "a comment /* has no end")
		}
	}
	return comment, nil
}

// executableMark returns the length of "/*!50001" or "/*M!100100"; 0 for a comment that the server
// does not execute.
func executableMark(text string) int {
	mark := 3
	switch {
	case strings.HasPrefix(text, "/*!"):
	case strings.HasPrefix(text, "/*M!"):
		mark = 4
	default:
		return 0
	}
	for digits := 0; digits < 6 && mark < len(text) && text[mark] >= '0' && text[mark] <= '9'; digits++ {
		mark++
	}
	return mark
}

// quoted reads a string or a quoted name. Two quotes in it mean one.
func (l *lexer) quoted(open byte, backslashes bool) (Kind, error) {
	from := l.pos
	end := open
	if open == '[' {
		end = ']'
	}
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; {
		case c == '\\' && backslashes:
			l.pos++
		case c != end:
		case open != '[' && l.pos+1 < len(l.text) && l.text[l.pos+1] == end:
			l.pos++
		default:
			l.pos++
			if open == '\'' {
				return String, nil
			}
			return Name, nil
		}
	}
	l.pos = len(l.text)
	return String, l.fail(from, "a quote %c has no end", open)
}

// escaped reads the quotes of E'…'. After a new line, further quotes continue the string.
func (l *lexer) escaped() (Kind, error) {
	for {
		if kind, err := l.quoted('\'', true); err != nil {
			return kind, err
		}
		ahead := *l
		newLine := strings.Contains(ahead.space(), "\n")
		for strings.HasPrefix(ahead.rest(), "--") {
			newLine = ahead.skipPast("\n")
			ahead.space()
		}
		if !newLine || !strings.HasPrefix(ahead.rest(), "'") {
			return String, nil
		}
		l.pos = ahead.pos
	}
}

// dollarTag returns the tag of a dollar quote, such as $body$, with which the text begins, or "".
func dollarTag(text string) string {
	for i, r := range text[1:] {
		if r == '$' {
			return text[:i+2]
		}
		if !isWordRune(r) || i == 0 && r >= '0' && r <= '9' {
			return ""
		}
	}
	return ""
}

func (l *lexer) dollarQuoted(tag string) (Kind, error) {
	from := l.pos
	l.pos += len(tag)
	if !l.skipPast(tag) {
		return String, l.fail(from, "a quote %s has no end", tag)
	}
	return String, nil
}

// word moves the position to the end of a word. A number with a point is one word. The delimiter ends
// the word even if it consists of letters.
func (l *lexer) word() {
	digits := true
	for l.pos < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.rest())
		point := r == '.' && digits
		digits = digits && r >= '0' && r <= '9'
		if !isWordRune(r) && r != '$' && !point || l.delimiter != "" && strings.HasPrefix(l.rest(), l.delimiter) {
			return
		}
		l.pos += size
	}
}

func isWordRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf
}

// Tokens returns the tokens of a statement, without comments. The tokens in a comment
// that the server executes are included. Tokens stops at text that can't be read.
func (d *Dialect) Tokens(statement string) []Token { return d.First(statement, len(statement)) }

// First returns at most n tokens from the beginning of a statement.
func (d *Dialect) First(statement string, n int) []Token {
	l := &lexer{Dialect: d, text: statement}
	var tokens []Token
	for l.space(); l.pos < len(l.text) && len(tokens) < n; l.space() {
		token, err := l.next()
		if err != nil {
			break
		}
		if token.Kind < comment {
			tokens = append(tokens, token)
		}
	}
	return tokens
}
