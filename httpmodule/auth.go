package httpmodule

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

const headerAPIKey = "X-Session-API-Key"

// canonicalAPIKey is how http.Header files it.
const canonicalAPIKey = "X-Session-Api-Key"

// authenticate asks for the key on every route that is not open, unknown
// ones included.
func (s *Server) authenticate(c echo.Context) error {
	if s.gate == nil || s.isOpen(c) {
		return nil
	}
	return s.Authenticate(c.Request())
}

// Authenticate returns nil if the server's [Gate] admits the request, or if the server has
// neither a gate nor a key. Otherwise it returns the error to answer with: 401 without a known
// key. It is for routes that were opened with [Server.Open] and have some answers only for
// clients with a key. From then on the request's log lines name the key.
func (s *Server) Authenticate(r *http.Request) error {
	if s.gate == nil {
		return nil
	}
	own := requestOf(r.Context())
	name, err := s.gate.Admit(s.attempt(r, own))
	if err == nil && own != nil {
		own.keyName = name
	}
	return err
}

// attempt is what a gate is told of a request. own is nil outside of a request of a server's.
func (s *Server) attempt(r *http.Request, own *request) Attempt {
	attempt := Attempt{Keys: keysOf(r.Header), Method: r.Method, Client: s.echo.IPExtractor(r)}
	if own != nil {
		attempt.Route = own.pattern
	}
	return attempt
}

// Caller is who sent a request. A stream keeps it after its request is over, to ask again for what
// the caller's key allows. It holds nothing of the request but the key, the route and the
// client's address, and is safe for concurrent use.
type Caller struct {
	gate    Gate
	attempt Attempt
}

// CallerOf returns who sent a request. The request must belong to a server of this package, or an error is returned.
func CallerOf(r *http.Request) (Caller, error) {
	own := requestOf(r.Context())
	if own == nil {
		return Caller{}, errors.New("httpmodule: caller: the request belongs to no server of this package")
	}
	return Caller{gate: own.server.gate, attempt: own.server.attempt(r, own)}, nil
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

// queryAPIKey is where a browser puts the key that opens a websocket or an EventSource: it lets pages set
// no header there.
const queryAPIKey = "session_api_key"

// withoutKeyInURL moves the key of a stream's request from the URL into the header.
// A URL ends up in traces and in logs of others.
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

// isOpen reports whether a request's route needs no key. HEAD follows GET. A route
// of a host's own ([echo.Echo.Host]) is none of the open ones, whatever its path.
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

// openRoute lets a route be called without a key.
func (s *Server) openRoute(method, path string) { s.open[method+" "+path] = true }

// echoPath turns huma's notation of a path into Echo's.
func echoPath(path string) string { return strings.NewReplacer("{", ":", "}", "").Replace(path) }
