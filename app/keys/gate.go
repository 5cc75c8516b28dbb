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

// Gate lets requests in by their key. It is safe for concurrent use.
type Gate struct {
	source   *source
	attempts *attempts
	// pushes are the routes of the scope webhooks, by Echo's pattern.
	pushes []string
}

var _ httpmodule.Gate = (*Gate)(nil)

// whoami is the route that tells whoever has a key its name.
const whoami = "/api/keys/current"

// NewGate reads the keys. pushes are the routes, as Echo writes them, that keys for webhooks
// may post to. Changes of the file go to log, which may not be nil.
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

// Admit lets in who has a key whose scope is enough: 401 without a known key, 403 with one
// for something else, 429 for an address that tried too many that are unknown.
func (g *Gate) Admit(attempt httpmodule.Attempt) (string, error) {
	if len(attempt.Keys) == 0 {
		return "", httpmodule.Unauthorized()
	}
	from := g.attempts.of(attempt.Client)
	all := g.source.keys()
	for _, sent := range attempt.Keys {
		e, ok := all.find(sent)
		if !ok || !from.passes(e.name) {
			continue
		}
		if !g.allows(e.scope, attempt) {
			return "", httpmodule.NewError(http.StatusForbidden, fmt.Sprintf("Forbidden: the key %s is for %s only", e.name, e.scope))
		}
		return e.name, nil
	}
	if wait := from.failed(); wait > 0 {
		return "", &httpmodule.HTTPError{
			Status: http.StatusTooManyRequests,
			Detail: "Too many requests with an unknown key from this address: try again later",
			Header: http.Header{"Retry-After": {strconv.Itoa(int(wait.Seconds()) + 1)}},
		}
	}
	return "", httpmodule.Unauthorized()
}

// allows tells what a scope is good for.
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
