package autogen

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// replaceIdent replaces an identifier in an SQL expression, quoted or not,
// and says whether it was there. Strings stay as they are.
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

// sqlToken returns the word, the quoted text or else the character that the
// text begins with.
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

// noComment refuses a comment that reaches to the end of its line, and in a
// statement to that of what follows.
func noComment(text string) error {
	for rest := text; rest != ""; {
		if strings.HasPrefix(rest, "--") {
			return fmt.Errorf("%s: it has a comment: leave out what stands from -- on", text)
		}
		rest = rest[len(sqlToken(rest)):]
	}
	return nil
}

func isWord(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) }
