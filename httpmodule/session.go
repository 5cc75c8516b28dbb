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

// ErrResponseBegun is the error of a request's sessions once its response
// has begun: their work is committed or rolled back by then, and later work
// would be lost. For work after the response, use a unit of work of its
// own: SessionFactory.InTx.
var ErrResponseBegun = errors.New("httpmodule: session: the response has begun and the request's unit of work has ended with it")

// ErrNoRequest is the error of a session that [Session] returned for a context
// that belongs to no request.
var ErrNoRequest = errors.New("httpmodule: session: the context belongs to no request of this server; outside one use SessionFactory.InTx")

// Session returns the session of ctx's request on a factory. It
// is made on first use, and is the same for all code in the request. It belongs
// to the request's goroutine, as any session belongs to one, and only this
// package closes it.
//
// For GET, HEAD and OPTIONS it is read-only, works until the handler returns,
// also while a response is streamed, and is then closed. For all other
// methods it ends before the first byte of the response is sent. It is
// committed if the status is below 400. It is rolled back if the status is 400
// or above, if the route returned an error or panicked (whatever Echo's
// HTTPErrorHandler and middleware of Echo.Use answer), if [SetRollbackOnly] was
// called, and if the client has gone. If the commit fails, the error's response
// replaces the handler's.
// Sessions of several factories are committed one after the other, in the
// order of first use: if one fails, it and the later ones are rolled back; the
// earlier ones stay committed.
//
// Outside a request every use of the session returns [ErrNoRequest].
func Session(ctx context.Context, sessions *dbmodule.SessionFactory) *dbmodule.Session {
	r := requestOf(ctx)
	if r == nil {
		return sealed(sessions, ErrNoRequest)
	}
	return r.work.session(sessions)
}

// SetRollbackOnly makes the request of ctx roll its sessions back, whatever its
// response. It is for middleware of a route or a group that hides an error from this
// package, because it answers the error with a status below 400 and returns nil. It has
// no effect once the response has begun, and does nothing outside a request.
func SetRollbackOnly(ctx context.Context) {
	if r := requestOf(ctx); r != nil {
		r.work.fail()
	}
}

// sealed makes a session whose every use returns reason. Nothing is open that
// sealing could fail to close.
func sealed(sessions *dbmodule.SessionFactory, reason error) *dbmodule.Session {
	s := sessions.New()
	_ = s.Seal(reason)
	return s
}

// unitOfWork is what a request does in databases.
type unitOfWork struct {
	log      *zap.Logger
	request  *request
	readOnly bool

	mu       sync.Mutex
	failed   bool
	settled  bool // the response has begun
	ended    bool // the handler has returned
	sessions []factorySession
	// one is where the first of them has its place: most requests have no other.
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

// settle ends the unit of work because the response begins: it commits or
// rolls back. On an error nothing of the failing session is stored, unless
// that is dbmodule.ErrCommitUnknown. Only the first call does anything.
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
				// Whatever the client is told, somebody should know.
				err = fmt.Errorf("httpmodule: commit session %d of %d, those before it are stored: %w", i+1, len(sessions), err)
				u.log.Error("request stored in part", append(u.request.fields(), zap.Error(err))...)
			}
		}
		switch sealErr := s.session.Seal(ErrResponseBegun); {
		case sealErr == nil:
		case errors.Is(sealErr, dbmodule.ErrConflict):
			// What the response tells of the database may never have been stored.
			err = errors.Join(err, sealErr)
		default:
			u.sealFailed(sealErr)
		}
	}
	return err
}

// commit commits one session. A panic of an after-commit hook comes when the
// data is stored already: the response stays what it was.
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

// release gives the connections of read-only sessions back early, because
// the handler has returned and its answer is complete.
func (u *unitOfWork) release() {
	if !u.readOnly {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.sessions {
		_ = s.session.Close() // end tries again, and tells
	}
}

// end closes what the request still has open.
func (u *unitOfWork) end() {
	u.mu.Lock()
	u.ended = true
	sessions := u.sessions
	u.mu.Unlock()
	for _, s := range sessions {
		if err := s.session.Seal(ErrResponseBegun); err != nil {
			u.sealFailed(err)
		}
	}
}

// sealFailed tells of a session that could not be closed at once. A goroutine that the handler
// left behind may still be inside a statement; the session closes when that returns.
func (u *unitOfWork) sealFailed(err error) {
	text := "session did not close cleanly" // the connection was dropped instead, which rolls back too
	if errors.Is(err, dbmodule.ErrConcurrentUse) {
		text = "session in use after its request"
	}
	u.log.Warn(text, append(u.request.fields(), zap.Error(err))...)
}
