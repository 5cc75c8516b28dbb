package httpmodule

import (
	"context"

	"go.uber.org/zap"
)

// fields is what tells in the log which request a line is about: its id, what
// the instruments add, such as a trace's id, and the sessions that it has.
func (r *request) fields() []zap.Field {
	fields := append([]zap.Field{zap.String("request_id", r.id)}, r.instrumented...)
	switch ids := r.work.sessionIDs(); len(ids) {
	case 0:
		return fields
	case 1:
		return append(fields, zap.Uint64("session", ids[0]))
	default:
		return append(fields, zap.Uint64s("sessions", ids))
	}
}

// requestFields are the fields of the request that ctx belongs to.
func requestFields(ctx context.Context) []zap.Field {
	if r := requestOf(ctx); r != nil {
		return r.fields()
	}
	return nil
}

// sessionIDs numbers the sessions that the request uses.
func (u *unitOfWork) sessionIDs() []uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := make([]uint64, len(u.sessions))
	for i, s := range u.sessions {
		ids[i] = s.session.ID()
	}
	return ids
}
