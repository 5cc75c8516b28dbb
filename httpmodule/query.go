package httpmodule

import (
	"net/http"
	"net/url"
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
	var b strings.Builder
	written := 0
	for i := range len(query) {
		escaped := ""
		switch {
		case query[i] == ';':
			escaped = "%3B"
		case query[i] == '%' && (i+2 >= len(query) || !isHex(query[i+1]) || !isHex(query[i+2])):
			escaped = "%25"
		default:
			continue
		}
		b.WriteString(query[written:i])
		b.WriteString(escaped)
		written = i + 1
	}
	if written == 0 {
		return query
	}
	return b.String() + query[written:]
}

// checkQuery returns an error if net/url reads no parameter of a query because there are too many. It
// has a limit of 10,000, and each parameter but the first takes a byte or more.
func checkQuery(query string) error {
	const few = 9_000
	if len(query) < few {
		return nil
	}
	if _, err := url.ParseQuery(query); err != nil {
		return NewError(http.StatusRequestURITooLong, "The URL has too many query parameters: send at most 10000")
	}
	return nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
