package dbcmd

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSlug is the longest slug in bytes, as in Alembic.
const maxSlug = 40

// slug returns the part of a folder's name that comes from the message: as many of
// its words as fit, in lower case, joined by underscores.
func slug(message string) string {
	words := strings.FieldsFunc(strings.ToLower(message), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	var b strings.Builder
	for _, word := range words {
		word = strings.Trim(word, "_")
		if word == "" {
			continue
		}
		if b.Len() == 0 {
			b.WriteString(firstRunes(word, maxSlug))
			continue
		}
		if b.Len()+1+len(word) > maxSlug {
			break
		}
		b.WriteString("_" + word)
	}
	return b.String()
}

// firstRunes cuts a text to at most n bytes, between characters.
func firstRunes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
