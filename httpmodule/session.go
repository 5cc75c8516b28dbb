package httpmodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// ErrResponseBegun is the error of a request's sessions once its response has begun: by then they
// are committed or rolled back, and later work would be lost. For work after the response, use
// SessionFactory.InTx.
var ErrResponseBegun = errors.New("httpmodule: session: the response has begun and the request's unit of work has ended with it")

// ErrNoRequest is the error of a session that [Session] returned for a context
// that belongs to no request.
var ErrNoRequest = errors.New("httpmodule: session: the context belongs to no request of this server; outside one use SessionFactory.InTx")

// Session returns the session that the request of ctx has on a factory. The first call makes it;
// later calls in the same request return the same one. Only the request's goroutine may use it. The
// server closes it.
//
// For GET, HEAD and OPTIONS the session is read-only. It works until the handler returns, also while
// the response is streamed. For all other methods it ends before the first byte of the response is
// sent. The server commits it if the status is below 400. The server rolls it back if the status is
// 400 or above, if the route returned an error or panicked (whatever Echo's HTTPErrorHandler and
// middleware of Echo.Use answer), if [SetRollbackOnly] was called, and if the client has gone. If the
// commit fails, the answer to its error replaces the handler's response.
//
// Sessions of several factories are committed one after the other, in the order of first use. If one
// fails, it and the later ones are rolled back; the earlier ones stay committed.
//
// Outside a request, every use of the session returns [ErrNoRequest].
func Session(ctx context.Context, sessions *dbmodule.SessionFactory) *dbmodule.Session {
	r := requestOf(ctx)
	if r == nil {
		return sealed(sessions, ErrNoRequest)
	}
	return r.work.session(sessions)
}

// SetRollbackOnly makes the request of ctx roll its sessions back, whatever its response. Middleware
// of a route or a group calls it if it answers an error with a status below 400 and returns nil:
// the server does not see that error. It has no effect once the response has begun, and outside a
// request.
func SetRollbackOnly(ctx context.Context) {
	if r := requestOf(ctx); r != nil {
		r.work.fail()
	}
}

// sealed makes a session whose every use returns reason. Seal returns no error for a session that
// has not begun.
func sealed(sessions *dbmodule.SessionFactory, reason error) *dbmodule.Session {
	s := sessions.New()
	_ = s.Seal(reason)
	return s
}

// unitOfWork are the sessions of a request.
type unitOfWork struct {
	log      *zap.Logger
	request  *request
	readOnly bool

	mu       sync.Mutex
	failed   bool
	settled  bool // the response has begun
	ended    bool // the handler has returned
	sessions []factorySession
	// one is the array behind sessions while there is one: most requests have no second.
	one [1]factorySession
}

type factorySession struct {
	factory *dbmodule.SessionFactory
	session *dbmodule.Session
}

func (u *unitOfWork) init(method string, log *zap.Logger, r *request) {
	u.log, u.request = log, r
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		u.readOnly = true
	}
}

func (u *unitOfWork) session(factory *dbmodule.SessionFactory) *dbmodule.Session {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.sessions {
		if s.factory == factory {
			return s.session
		}
	}
	if u.ended || u.settled && !u.readOnly {
		return sealed(factory, ErrResponseBegun)
	}
	options := [...]dbmodule.SessionOption{dbmodule.Owner(u.request), readOnly}
	n := 1
	if u.readOnly {
		n = len(options)
	}
	s := factory.New(options[:n]...)
	if u.sessions == nil {
		u.sessions = u.one[:0]
	}
	u.sessions = append(u.sessions, factorySession{factory, s})
	return s
}

var readOnly = dbmodule.ReadOnly()

// fail makes settle roll back whatever the status.
func (u *unitOfWork) fail() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.failed = true
}

// settle commits or rolls back the unit of work, because the response begins. If it returns an
// error, the failing session has stored nothing, unless the error is dbmodule.ErrCommitUnknown. Only
// the first call does anything.
func (u *unitOfWork) settle(ctx context.Context, status int) error {
	u.mu.Lock()
	first := !u.settled
	u.settled = true
	failed := u.failed || status >= 400
	sessions := u.sessions
	u.mu.Unlock() // after-commit hooks may ask for sessions
	if !first || u.readOnly {
		return nil
	}

	var err error
	for i, s := range sessions {
		if err == nil && !failed {
			if err = u.commit(ctx, s.session); err != nil && i > 0 {
				// The client gets only the error's answer: the log must say what is stored.
				err = fmt.Errorf("httpmodule: commit session %d of %d, those before it are stored: %w", i+1, len(sessions), err)
				u.log.Error("request stored in part", append(u.request.fields(), zap.Error(err))...)
			}
		}
		switch sealErr := s.session.Seal(ErrResponseBegun); {
		case sealErr == nil:
		case errors.Is(sealErr, dbmodule.ErrConflict):
			// The handler read what another unit of work wrote and has not stored: its
			// response may be wrong.
			err = errors.Join(err, sealErr)
		default:
			u.logSealError(sealErr)
		}
	}
	return err
}

// commit commits one session. If an after-commit hook panics, the data is stored: commit logs the
// panic and returns no error.
func (u *unitOfWork) commit(ctx context.Context, s *dbmodule.Session) (err error) {
	defer func() {
		cause := recover()
		switch {
		case cause == nil:
		case s.Active():
			err = &panicError{value: cause, stack: debug.Stack()}
		default:
			u.log.Error("after-commit hook panicked",
				append(u.request.fields(), zap.Any("panic", cause), zap.ByteString("stack", debug.Stack()))...)
		}
	}()
	return s.Commit(ctx)
}

// release closes read-only sessions, because the answer is complete or a stream begins. This gives
// their connections back while the answer is sent.
func (u *unitOfWork) release() {
	if !u.readOnly {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.sessions {
		_ = s.session.Close() // end closes it again, and logs an error
	}
}

// end closes the sessions that are still open.
func (u *unitOfWork) end() {
	u.mu.Lock()
	u.ended = true
	sessions := u.sessions
	u.mu.Unlock()
	for _, s := range sessions {
		if err := s.session.Seal(ErrResponseBegun); err != nil {
			u.logSealError(err)
		}
	}
}

// logSealError logs that a session could not be closed at once. A goroutine that has outlived the
// handler may be inside a statement; the session closes when the statement returns.
func (u *unitOfWork) logSealError(err error) {
	text := "session did not close cleanly" // the connection was dropped instead, which rolls back too
	if errors.Is(err, dbmodule.ErrConcurrentUse) {
		text = "session in use after its request"
	}
	u.log.Warn(text, append(u.request.fields(), zap.Error(err))...)
}
