package keys

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/httpmodule"
)

// Gate admits requests by their key. It is safe for concurrent use.
type Gate struct {
	source   *source
	attempts *attempts
	// pushes are the routes that the scope webhooks allows, in Echo's notation.
	pushes []string
}

var _ httpmodule.Gate = (*Gate)(nil)

// whoami is the route that returns the key's name. Every scope allows it.
const whoami = "/api/keys/current"

// NewGate reads the keys and makes a gate. pushes are the routes, in Echo's notation, to which keys of the
// scope webhooks may post. Changes of the file are logged; log must not be nil.
func NewGate(cfg Config, log *zap.Logger, pushes ...string) (*Gate, error) {
	return newGate(cfg, log, time.Now, pushes)
}

func newGate(cfg Config, log *zap.Logger, now func() time.Time, pushes []string) (*Gate, error) {
	fixed, err := cfg.fixed()
	if err != nil {
		return nil, err
	}
	source, err := newSource(cfg.File, fixed, log, now)
	if err != nil {
		return nil, err
	}
	attempts, err := newAttempts(now)
	if err != nil {
		return nil, err
	}
	return &Gate{source: source, attempts: attempts, pushes: pushes}, nil
}

// Admit returns the name of the request's key, if the key's scope allows the request. Otherwise it returns
// a 401 if the key is unknown, a 403 if the scope does not allow the request, or a 429 if the address has
// sent too many unknown keys.
func (g *Gate) Admit(attempt httpmodule.Attempt) (string, error) {
	if len(attempt.Keys) == 0 {
		return "", httpmodule.Unauthorized()
	}
	from := g.attempts.of(attempt.Client)
	all := g.source.keys()
	for _, sent := range attempt.Keys {
		e, ok := all.find(sent)
		if !ok || !from.accepts(e.name) {
			continue
		}
		if !g.allows(e.scope, attempt) {
			return "", httpmodule.NewError(http.StatusForbidden, fmt.Sprintf("Forbidden: the key %s is for %s only", e.name, e.scope))
		}
		return e.name, nil
	}
	if wait := from.countFailure(); wait > 0 {
		return "", &httpmodule.HTTPError{
			Status: http.StatusTooManyRequests,
			Detail: "Too many requests with an unknown key from this address: try again later",
			Header: http.Header{"Retry-After": {strconv.Itoa(int(wait.Seconds()) + 1)}},
		}
	}
	return "", httpmodule.Unauthorized()
}

// allows reports whether a scope allows a request.
func (g *Gate) allows(scope Scope, attempt httpmodule.Attempt) bool {
	reads := attempt.Method == http.MethodGet || attempt.Method == http.MethodHead
	switch scope {
	case All:
		return true
	case Read:
		return reads
	case Webhooks:
		return reads && attempt.Route == whoami || attempt.Method == http.MethodPost && slices.Contains(g.pushes, attempt.Route)
	}
	return false
}
