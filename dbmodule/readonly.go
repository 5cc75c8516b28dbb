package dbmodule

import "strings"

// plainSelect reports whether a statement is one SELECT without a locking
// clause. It errs on the careful side: what it does not recognise runs in a
// read-only transaction, where the database itself decides.
func plainSelect(query string) bool {
	const verb = "select"
	if len(query) <= len(verb) || !strings.EqualFold(query[:len(verb)], verb) {
		return false
	}
	switch query[len(verb)] {
	case ' ', '\n', '\t', '\r', '(', '*', '"', '\'', '`':
	default:
		return false
	}
	return !mentionsLock(query)
}

// mentionsLock looks for FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE, INTO and a
// second statement. A hit inside a literal only costs a transaction.
func mentionsLock(query string) bool {
	for i := 0; i < len(query); i++ {
		switch query[i] {
		case ';':
			return true
		case ' ', '\n', '\t', '\r', ')':
			rest := query[i+1:]
			if rest == "" || strings.IndexByte("fli", rest[0]|0x20) < 0 {
				continue
			}
			for _, word := range [...]string{"for ", "for\n", "for\t", "lock ", "into "} {
				if len(rest) >= len(word) && strings.EqualFold(rest[:len(word)], word) {
					return true
				}
			}
		}
	}
	return false
}
