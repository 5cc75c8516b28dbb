package httpmodule

import (
	"context"
	"slices"
	"sync"

	"go.uber.org/zap"
)

// maxLoggedSessions is how many sessions a log line names, at most.
const maxLoggedSessions = 8

// sessionsUsed are the numbers of the sessions that a request used: its own and
// those of units of work that its handler began.
type sessionsUsed struct {
	mu  sync.Mutex
	ids []uint64
	// one is the array behind ids while there is one: most requests use no second session.
	one [1]uint64
}

func (u *sessionsUsed) add(id uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids == nil {
		u.ids = u.one[:0]
	}
	if len(u.ids) < maxLoggedSessions && !slices.Contains(u.ids, id) {
		u.ids = append(u.ids, id)
	}
}

// fields returns the log field that names the sessions.
func (u *sessionsUsed) fields() []zap.Field {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch len(u.ids) {
	case 0:
		return nil
	case 1:
		return []zap.Field{zap.Uint64("session", u.ids[0])}
	default:
		return []zap.Field{zap.Uint64s("sessions", slices.Clone(u.ids))}
	}
}

// identity returns the log fields that identify the request: its id, its key's name, and the
// fields of instruments, such as a trace's id.
func (r *request) identity() []zap.Field {
	fields := make([]zap.Field, 0, 4)
	fields = append(fields, zap.String("request_id", r.id))
	if r.keyName != "" {
		fields = append(fields, zap.String("key", r.keyName))
	}
	return append(fields, r.instrumented...)
}

// LogFields implements [dbmodule.Scope]: the statement log adds these fields to each statement of
// the request.
func (r *request) LogFields() []zap.Field {
	if r.outer == nil {
		return r.identity()
	}
	return slices.Concat(r.outer.LogFields(), r.identity())
}

// SessionUsed implements [dbmodule.Scope]: it remembers a session that the request has used.
func (r *request) SessionUsed(session uint64) {
	r.sessions.add(session)
	if r.outer != nil {
		r.outer.SessionUsed(session)
	}
}

// fields returns identity and the sessions that were used so far.
func (r *request) fields() []zap.Field { return append(r.identity(), r.sessions.fields()...) }

// requestFields are the fields of the request that ctx belongs to.
func requestFields(ctx context.Context) []zap.Field {
	if r := requestOf(ctx); r != nil {
		return r.fields()
	}
	return nil
}
