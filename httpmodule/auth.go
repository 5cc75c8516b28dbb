package httpmodule

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

const headerAPIKey = "X-Session-API-Key"

// canonicalAPIKey is the same name in the form of http.CanonicalHeaderKey.
const canonicalAPIKey = "X-Session-Api-Key"

// authenticate checks the key, unless the route is open. It also checks requests that match
// no route.
func (s *Server) authenticate(c echo.Context) error {
	if s.gate == nil || s.isOpen(c) {
		return nil
	}
	return s.Authenticate(c.Request())
}

// Authenticate returns nil if the server's [Gate] admits the request, or if the server has
// neither a gate nor a key. Otherwise it returns the error to answer with, for example 401. It
// is for routes that were opened with [Server.Open] and give some answers only to clients with
// a key. After a success, the request's log lines name the key.
func (s *Server) Authenticate(r *http.Request) error {
	if s.gate == nil {
		return nil
	}
	own := requestOf(r.Context())
	name, err := s.gate.Admit(s.newAttempt(r, own))
	if err == nil && own != nil {
		own.keyName = name
	}
	return err
}

// newAttempt describes a request to the gate. own is nil if no server of this package serves r.
func (s *Server) newAttempt(r *http.Request, own *request) Attempt {
	attempt := Attempt{Keys: keysOf(r.Header), Method: r.Method, Client: s.echo.IPExtractor(r)}
	if own != nil {
		attempt.Route = own.pattern
	}
	return attempt
}

// Caller identifies the client of a request. A stream keeps it after its request has ended, to
// ask the gate again what the client's key allows. It holds only the key, the route and the
// client's address. It is safe for concurrent use.
type Caller struct {
	gate    Gate
	attempt Attempt
}

// CallerOf returns the caller of a request. It returns an error if no server of this package
// serves the request.
func CallerOf(r *http.Request) (Caller, error) {
	own := requestOf(r.Context())
	if own == nil {
		return Caller{}, errors.New("httpmodule: caller: the request belongs to no server of this package")
	}
	return Caller{gate: own.server.gate, attempt: own.server.newAttempt(r, own)}, nil
}

// WithKey returns the same caller with another key, for a client that sends its key in a
// stream's first message.
func (c Caller) WithKey(key string) Caller {
	c.attempt.Keys = []string{key}
	return c
}

// SentKey reports whether the caller has sent a key, right or wrong.
func (c Caller) SentKey() bool { return len(c.attempt.Keys) > 0 }

// Admit asks the server's [Gate] whether the caller may send a request with this method to its route. It
// returns nil, or the error to answer with: see [Server.Authenticate].
func (c Caller) Admit(method string) error {
	if c.gate == nil {
		return nil
	}
	attempt := c.attempt
	attempt.Method = method
	_, err := c.gate.Admit(attempt)
	return err
}

// queryAPIKey is the URL parameter with which a web page sends the key when it opens a websocket
// or an EventSource: browsers let it set no header there.
const queryAPIKey = "session_api_key"

// withoutKeyInURL moves the key of a stream's request from the URL into the header, because
// traces and other programs' logs contain URLs.
func withoutKeyInURL(r *http.Request) *http.Request {
	if !isStream(r) || !strings.Contains(r.URL.RawQuery, queryAPIKey) {
		return r
	}
	query := r.URL.Query()
	key := query.Get(queryAPIKey)
	query.Del(queryAPIKey)
	moved := r.Clone(r.Context())
	moved.URL.RawQuery = query.Encode()
	moved.RequestURI = moved.URL.RequestURI()
	if moved.Header.Get(headerAPIKey) == "" {
		moved.Header.Set(headerAPIKey, key)
	}
	return moved
}

// isOpen reports whether a request's route needs no key. A HEAD route is open if the GET route
// is. Routes of [echo.Echo.Host] are never open.
func (s *Server) isOpen(c echo.Context) bool {
	r := c.Request()
	if s.echo.Routers()[r.Host] != nil {
		return false
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return s.open[method+" "+c.Path()]
}

// openRoute lets clients call a route without a key.
func (s *Server) openRoute(method, path string) { s.open[method+" "+path] = true }

// echoPath turns huma's notation of a path into Echo's.
func echoPath(path string) string { return strings.NewReplacer("{", ":", "}", "").Replace(path) }
