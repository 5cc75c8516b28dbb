package autogen

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// replaceIdent replaces an identifier in an SQL expression, quoted or not, and
// reports whether it found one. It does not change strings.
func replaceIdent(text, old, name string) (replaced string, found bool) {
	var out strings.Builder
	for text != "" {
		token := sqlToken(text)
		text = text[len(token):]
		quote := token[:1]
		switch {
		case token == old:
			out.WriteString(name)
			found = true
		case strings.Contains("\"`", quote) && token == quote+old+quote:
			out.WriteString(quote + name + quote)
			found = true
		default:
			out.WriteString(token)
		}
	}
	return out.String(), found
}

// sqlToken returns the first token of a text: a word, a quoted text or one character.
func sqlToken(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	switch {
	case strings.ContainsRune("'\"`", first):
		if end := strings.IndexByte(text[1:], text[0]); end >= 0 {
			return text[:end+2]
		}
		return text
	case isWord(first):
		if end := strings.IndexFunc(text, func(r rune) bool { return !isWord(r) }); end >= 0 {
			return text[:end]
		}
		return text
	}
	return text[:size]
}

// noComment returns an error for a comment that begins with two hyphens: in a
// statement it would hide the text behind the expression.
func noComment(text string) error {
	for rest := text; rest != ""; {
		if strings.HasPrefix(rest, "--") {
			return fmt.Errorf("%s: it has a comment: remove the -- and the text after it", text)
		}
		rest = rest[len(sqlToken(rest)):]
	}
	return nil
}

func isWord(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) }
