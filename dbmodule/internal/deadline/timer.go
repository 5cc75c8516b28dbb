package deadline

import (
	"sync"
	"time"
)

// Timer is the one timer of a connection, which waits for one answer at a time. Nearly all
// answers come in time, so the timer is not set again for each of them. It fires now and
// then, and looks at the answer that the connection waits for at that moment. If the answer
// takes long, the timer has the caller's context watched. If it is late, the timer ends the
// [Limit]'s context.
//
// The zero value is ready to use. It is safe for concurrent use.
type Timer struct {
	mu    sync.Mutex
	timer *time.Timer
	// fires is when the timer fires, in time since born; 0 if it is not set.
	fires time.Duration
	born  time.Time
	// running is the limit of the answer that the connection waits for; nil for none. due is
	// when that answer is late. watches is when the caller's context will be watched, 0 once
	// it is.
	running      *Limit
	due, watches time.Duration
	// severed is set by Sever.
	severed bool
}

// patience is how long an answer may take before the caller's context is watched.
const patience = 5 * time.Millisecond

// start starts the time for an answer, and returns the time since born.
func (w *Timer) start(d time.Duration, l *Limit) (now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.severed {
		l.severed = true
		l.cancel()
		return w.now()
	}
	next := min(d, patience)
	if w.timer == nil {
		w.born = time.Now()
		w.timer = time.AfterFunc(next, w.fire)
		w.fires = next
	}
	now = w.now()
	w.running, w.due, w.watches = l, now+d, now+patience
	if w.fires == 0 || now+next < w.fires {
		w.set(now+next, next)
	}
	return now
}

func (w *Timer) now() time.Duration { return time.Since(w.born) }

func (w *Timer) set(fires, in time.Duration) {
	w.fires = fires
	w.timer.Reset(in)
}

func (w *Timer) stop(l *Limit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == l {
		w.running = nil
	}
}

// fire is the timer's function.
func (w *Timer) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fires = 0
	if w.running == nil {
		return
	}
	now := w.now()
	if now >= w.due {
		w.running.cancel()
		w.running = nil
		return
	}
	if w.watches > 0 && now >= w.watches {
		w.running.watch()
		w.watches = 0
	}
	next := w.due
	if w.watches > 0 {
		next = min(next, w.watches)
	}
	w.set(next, next-now)
}

// Sever ends the wait for an answer, and each later wait at once. It is called before a
// connection is closed that somebody uses.
func (w *Timer) Sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.severed = true
	if w.running != nil {
		w.running.severed = true
		w.running.cancel()
		w.running = nil
	}
}

// Close stops the timer.
func (w *Timer) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = nil
	if w.timer != nil {
		w.timer.Stop()
	}
}
