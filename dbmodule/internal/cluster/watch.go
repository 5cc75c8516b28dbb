package cluster

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// watch runs the checks in the background.
type watch struct {
	// checking lets one check run at a time.
	checking sync.Mutex
	wake     chan struct{}

	mu      sync.Mutex
	stopped bool
	// cancel ends the checks in the background, and done is closed when they have
	// ended. Both are nil before Start.
	cancel context.CancelFunc
	done   chan struct{}
}

func newWatch() watch { return watch{wake: make(chan struct{}, 1)} }

func (w *watch) checkSoon() {
	select {
	case w.wake <- struct{}{}:
	default: // a check is due anyway
	}
}

// start runs run in the background until stop. It reports false, and does nothing, if start
// or stop was called before.
func (w *watch) start(ctx context.Context, run func(context.Context)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.done != nil {
		return false
	}
	ctx, w.cancel = context.WithCancel(ctx)
	done := make(chan struct{})
	w.done = done
	go func() {
		defer close(done)
		run(ctx)
	}()
	return true
}

func (w *watch) stop() {
	w.mu.Lock()
	w.stopped = true
	cancel, done := w.cancel, w.done
	w.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// Start checks the servers once, and from then on in the background until Close. ctx
// limits the first check only. A second Start does nothing.
func (c *Cluster) Start(ctx context.Context) {
	if c == nil {
		return
	}
	first := make(chan struct{})
	if !c.watch.start(context.WithoutCancel(ctx), func(ctx context.Context) {
		<-first
		c.run(ctx)
	}) {
		return
	}
	defer close(first)
	c.Check(ctx)
}

// soonest is the time until the check that checkSoon asks for.
const soonest = 50 * time.Millisecond

// run checks until ctx ends.
func (c *Cluster) run(ctx context.Context) {
	interval := c.settings.Interval
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			c.Check(ctx)
			timer.Reset(interval)
		case <-c.watch.wake:
			timer.Reset(min(soonest, interval))
		}
	}
}

// Check asks each server once: the primary first, because a replica's lag is counted from its
// position. It waits for each answer at most for one interval, or for a second if that is
// more.
func (c *Cluster) Check(ctx context.Context) {
	if c == nil {
		return
	}
	c.watch.checking.Lock()
	defer c.watch.checking.Unlock()
	c.checkPrimary(ctx)
	var wg sync.WaitGroup
	for _, r := range c.replicas {
		wg.Go(func() { c.checkReplica(ctx, r) })
	}
	wg.Wait()
}

// limited limits the wait for one server.
func (c *Cluster) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(c.settings.Interval, time.Second))
}

// checkPrimary does nothing if the primary does not answer: sessions that write notice it by
// themselves, and replicas can still serve reads.
func (c *Cluster) checkPrimary(ctx context.Context) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	asked := time.Now()
	answer, err := c.settings.Replication.Primary(ctx, c.primary.DB)
	switch {
	case err != nil:
	case answer.ReadOnly:
		if c.settings.Demoted != nil {
			c.settings.Log.Warn("the server takes no writes: its connections are dropped, to find the one that does")
			c.settings.Demoted()
			_ = c.primary.CloseIdle() // nobody needs it
		}
	case len(answer.At) > 0:
		c.mu.Lock()
		if another := c.history.add(asked, answer.At); another {
			c.floor = mark{}
		}
		c.mu.Unlock()
	}
}

func (c *Cluster) checkReplica(ctx context.Context, r *Replica) {
	limited, cancel := c.limited(ctx)
	defer cancel()
	asked := time.Now()
	answer, err := c.settings.Replication.Replica(limited, r.probe.DB)
	if ctx.Err() != nil {
		return // the check was ended: that says nothing of the server
	}
	r.tell(c.learn(r, asked, answer, err))
}

// learn stores the state of a replica by its answer.
func (c *Cluster) learn(r *Replica, asked time.Time, a engine.ReplicaAnswer, err error) State {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.judge(asked, a, err)
	r.state.Store(&found)
	return found.State
}

// tell logs when reads begin to go to the replica, and when they end.
func (r *Replica) tell(s State) {
	const used, unused = "used", "unused"
	log := r.cluster.settings.Log
	switch {
	case s.Fit && r.told != used:
		log.Info("reads go to the replica", zap.Stringer("replica", r.url), zap.Duration("lag", s.Lag))
		r.told = used
	case !s.Fit && r.told != unused:
		log.Warn("reads do not go to the replica", zap.Stringer("replica", r.url), zap.String("reason", s.Reason))
		r.told = unused
	}
}
