package dbmodule

import (
	"context"
	"sync"
	"sync/atomic"
)

// afterCommit are the hooks of a session. They have a lock of their own, since what reads the rows
// of a query may register one, and the session is in use then.
type afterCommit struct {
	mu    sync.Mutex
	hooks []hook
	// step says how far the session's transaction was when somebody began to use it last.
	step atomic.Int64
}

// hook is what is called after a commit.
type hook struct {
	fn func(ctx context.Context)
	// step says how far the transaction was when the hook was registered.
	step int
}

// beforeBegin is the step of a hook that was registered when there was no transaction.
const beforeBegin = -1

// AfterCommit registers fn to run after the next commit that succeeds, with
// Commit's context, in the order of registration. Hooks registered inside a
// savepoint that is rolled back, and all hooks at Rollback and Close, are
// dropped. A hook may use the session. It must not be called concurrently
// with other methods.
func (s *Session) AfterCommit(fn func(ctx context.Context)) {
	if s.mu.TryLock() {
		s.noteStep()
		s.leave()
	}
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.hooks = append(s.hooks.hooks, hook{fn, int(s.hooks.step.Load())})
}

// noteStep is called by whoever begins to use the session.
func (s *Session) noteStep() {
	step := beforeBegin
	if s.inTx {
		step = s.held.raw.Step()
	}
	s.hooks.step.Store(int64(step))
}

// keeps reports whether no end of a savepoint has undone what a hook is about.
func (s *Session) keeps(one hook) bool {
	return one.step == beforeBegin || !s.inTx || !s.held.raw.Undid(one.step)
}

// take returns the hooks that are kept, and drops all of them.
func (a *afterCommit) take(keeps func(hook) bool) []hook {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.hooks[:0]
	for _, one := range a.hooks {
		if keeps(one) {
			kept = append(kept, one)
		}
	}
	a.hooks = nil
	return kept
}

func runHooks(ctx context.Context, hooks []hook) {
	for _, one := range hooks {
		one.fn(ctx)
	}
}
