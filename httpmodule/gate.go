package httpmodule

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// Gate decides which keys a server accepts, and which requests each key allows. It
// replaces [Config.SessionAPIKey]: see [Config.Gate].
type Gate interface {
	// Admit is called for each request that matches no route, or a route that needs a key. It
	// returns the name of the key for the log, or the error to answer with, usually
	// [NewError] with 401, 403 or 429. It must be safe for concurrent use, and must neither
	// keep nor print the keys that it gets.
	Admit(attempt Attempt) (name string, err error)
}

// Attempt is a request that a [Gate] admits or refuses.
type Attempt struct {
	// Keys are the keys that the client sent: X-Session-API-Key, then the bearer token.
	// A client may send none, or two.
	Keys []string
	// Method is the HTTP method. Route is Echo's pattern, such as /notes/:id. It is empty if
	// no route matches, and if no server of this package serves the request.
	Method, Route string
	// Client is the client's address: see [Config.TrustedProxies].
	Client string
}

// Unauthorized returns the answer to a request without a valid key: 401.
func Unauthorized() *HTTPError {
	return &HTTPError{
		Status: http.StatusUnauthorized,
		Detail: "Unauthorized: send the server's key as " + headerAPIKey + " or as a bearer token",
		Header: http.Header{"Www-Authenticate": {"Bearer"}},
	}
}

// KeyName returns the name that the [Gate] gave the request's key. It returns "" if the
// server has no gate, on a route that needs no key, and outside requests.
func KeyName(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return r.keyName
	}
	return ""
}

// oneKey is the gate of [Config.SessionAPIKey]. Its key has no name.
type oneKey struct{ digest [sha256.Size]byte }

func newOneKey(key Secret) *oneKey { return &oneKey{digest: sha256.Sum256([]byte(key))} }

// Admit compares hashes in constant time, so that the time tells nothing about the key or its
// length.
func (k *oneKey) Admit(attempt Attempt) (string, error) {
	for _, sent := range attempt.Keys {
		digest := sha256.Sum256([]byte(sent))
		if subtle.ConstantTimeCompare(digest[:], k.digest[:]) == 1 {
			return "", nil
		}
	}
	return "", Unauthorized()
}

// keysOf returns the keys that a client sent.
func keysOf(header http.Header) []string {
	var keys []string
	if key := first(header[canonicalAPIKey]); key != "" {
		keys = append(keys, key)
	}
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
		keys = append(keys, token)
	}
	return keys
}
