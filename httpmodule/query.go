package httpmodule

import (
	"net/http"
	"strings"
)

// withLiteralQuery returns the request with a URL whose query net/url reads as FastAPI and browsers
// do: a semicolon, and a percent sign without two hexadecimal digits, stand for themselves. net/url
// would leave out the parameters that have one, and a search without its filter finds everything.
func withLiteralQuery(r *http.Request) *http.Request {
	query := literalQuery(r.URL.RawQuery)
	if query == r.URL.RawQuery {
		return r
	}
	read, u := *r, *r.URL
	u.RawQuery = query
	read.URL = &u
	return &read
}

// literalQuery escapes the semicolons of a query, and its percent signs that escape nothing.
func literalQuery(query string) string {
	if !strings.ContainsAny(query, ";%") {
		return query
	}
	var b strings.Builder
	for i := range len(query) {
		switch c := query[i]; {
		case c == ';':
			b.WriteString("%3B")
		case c == '%' && (i+2 >= len(query) || !isHex(query[i+1]) || !isHex(query[i+2])):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
