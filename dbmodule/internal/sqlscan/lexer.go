package sqlscan

import (
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Dialect is an engine's SQL syntax, with the commands of the engine's client.
type Dialect struct {
	sql         sqltext.Dialect
	delimiters  bool // the client has the command DELIMITER
	parentheses bool // a semicolon in parentheses does not end the statement
	commands    bool // the client's commands begin with a backslash
	blocks      func() blocks
}

// The dialects of the engines. MySQL is that of MariaDB too.
var (
	SQLite     = &Dialect{sql: sqltext.SQLite, blocks: newSQLiteBlocks}
	PostgreSQL = &Dialect{sql: sqltext.PostgreSQL, parentheses: true, commands: true, blocks: newPostgresBlocks}
	MySQL      = &Dialect{sql: sqltext.MySQL, delimiters: true, blocks: newMySQLBlocks}
)

// For returns the dialect of an engine.
func For(engine dburl.Engine) *Dialect {
	switch engine {
	case dburl.PostgreSQL:
		return PostgreSQL
	case dburl.MySQL:
		return MySQL
	default:
		return SQLite
	}
}

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
	mark    // the "/*!50001" before and the "*/" after a comment that the server executes
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
	reader    sqltext.Reader
}

func (d *Dialect) lexer(text, delimiter string) lexer {
	return lexer{Dialect: d, text: text, delimiter: delimiter, reader: sqltext.NewReader(d.sql, text)}
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
	l.reader.Seek(l.pos)
	executing := l.reader.Executing()
	read := l.reader.Next()
	token := Token{Text: l.reader.Text(read), Pos: read.From}
	if read.Open {
		return token, l.unended(token.Text)
	}
	switch read.Kind {
	case sqltext.Word, sqltext.Number:
		token.Kind = Word
		if at := strings.Index(token.Text, l.delimiter); l.delimiter != "" && at > 0 {
			token.Text = token.Text[:at] // END$$
		}
	case sqltext.Quoted:
		token.Kind = Name
	case sqltext.String, sqltext.Prefixed:
		if token.Kind = String; token.Text[0] == '"' {
			token.Kind = Name // with ANSI_QUOTES
		}
	case sqltext.Comment:
		token.Kind = comment
		if l.reader.Executing() != executing {
			token.Kind = mark
		}
	default: // an operator of more than one character, or a variable such as @a
		_, size := utf8.DecodeRuneInString(token.Text)
		token.Kind, token.Text = Symbol, token.Text[:size]
	}
	l.pos = token.End()
	return token, nil
}

// unended returns the error for a text that ends in a string, a name or a comment, which begins at the
// position.
func (l *lexer) unended(text string) error {
	if strings.HasPrefix(text, "/*") {
		return l.fail(l.pos, "a comment /* has no end")
	}
	if text[0] == '$' {
		return l.fail(l.pos, "a quote %s has no end", text[:strings.IndexByte(text[1:], '$')+2])
	}
	return l.fail(l.pos, "a quote %c has no end", text[strings.IndexAny(text, "'\"`["):][0]) // after a prefix
}

// Tokens returns the tokens of a statement, without comments. The tokens in a comment
// that the server executes are included. Tokens stops at text that can't be read.
func (d *Dialect) Tokens(statement string) []Token { return d.First(statement, len(statement)) }

// First returns at most n tokens from the beginning of a statement.
func (d *Dialect) First(statement string, n int) []Token {
	var tokens []Token
	for token := range d.each(statement) {
		if len(tokens) == n {
			break
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// each returns Tokens one after the other.
func (d *Dialect) each(statement string) iter.Seq[Token] {
	return func(yield func(Token) bool) {
		l := d.lexer(statement, "")
		for l.space(); l.pos < len(l.text); l.space() {
			token, err := l.next()
			if err != nil || token.Kind < comment && !yield(token) {
				return
			}
		}
	}
}

// Outline returns a statement for searches by pattern: without comments, and with empty strings. The
// rest is as it was written. Outline stops where Tokens does.
func (d *Dialect) Outline(statement string) string {
	var b strings.Builder
	end := 0
	for token := range d.each(statement) {
		between := statement[end:token.Pos]
		if strings.TrimSpace(between) != "" { // a comment
			between = " "
		}
		b.WriteString(between)
		if token.Kind == String {
			b.WriteString("''")
		} else {
			b.WriteString(token.Text)
		}
		end = token.End()
	}
	return strings.TrimSpace(b.String())
}

// HasLineComment reports whether a text has a comment that ends with its line.
func (d *Dialect) HasLineComment(text string) bool {
	l := d.lexer(text, "")
	for l.space(); l.pos < len(l.text); l.space() {
		token, err := l.next()
		if err != nil {
			return false
		}
		if token.Kind == comment && !strings.HasPrefix(token.Text, "/*") {
			return true
		}
	}
	return false
}
