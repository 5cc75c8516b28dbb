package httpmodule

import (
	"context"
	"crypto/rand"
)

const headerRequestID = "X-Request-ID"

// canonicalRequestID is the same name in the form of http.CanonicalHeaderKey.
const canonicalRequestID = "X-Request-Id"

// maxRequestID is the longest identifier that is accepted from a client: every log line of the
// request contains it.
const maxRequestID = 128

// RequestID returns the identifier of the request that ctx belongs to: the
// client's X-Request-ID if it was acceptable, otherwise a new one. It is empty
// outside a request.
func RequestID(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return r.id
	}
	return ""
}

// first returns the first of a header's values, or "".
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// requestID returns the client's identifier if it is acceptable, or else a new one.
func requestID(sent string) string {
	if sent == "" || len(sent) > maxRequestID {
		return rand.Text()
	}
	for i := range len(sent) {
		switch c := sent[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return rand.Text()
		}
	}
	return sent
}
