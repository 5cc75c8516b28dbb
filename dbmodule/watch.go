package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// watch checks a database's servers in the background: whether the primary
// still is one, when the URL names several hosts, and how far the replicas
// are. It asks on connections of its own, one a server, so that a full pool
// does not make a server look ill.
type watch struct {
	log         *zap.Logger
	interval    time.Duration
	replication replication
	maxLag      time.Duration

	primary  *sql.DB
	replicas *replicas // nil for none
	probes   []*sql.DB // of the replicas
	closing  []func()
	// demoted drops the connections to a primary that is one no longer; nil
	// when the URL does not ask for the primary among several hosts.
	demoted func()

	history history
	// checking keeps checks apart.
	checking sync.Mutex
	wake     chan struct{}
	cancel   context.CancelFunc
	done     chan struct{}
	// stopping keeps checks that stop cut off from being told as failures.
	stopping atomic.Bool
}

// newWatch returns nil when there is nothing to watch. It does no I/O.
func newWatch(cfg Config, log *zap.Logger, r *replicas, demoted func()) (*watch, error) {
	if !cfg.URL.SeeksPrimary() {
		demoted = nil
	}
	if r == nil && demoted == nil {
		return nil, nil
	}
	w := &watch{
		log: log, interval: cfg.CheckInterval, replication: newReplication(cfg.URL.Engine()), maxLag: cfg.ReplicaMaxLag,
		replicas: r, demoted: demoted, wake: make(chan struct{}, 1),
	}
	cfg.PoolSize, cfg.MaxOverflow = 1, 0
	open := func(u URL) (*sql.DB, error) {
		cfg.URL = u
		opened, err := openPools(cfg, listeners{})
		if err == nil && opened.closing != nil {
			w.closing = append(w.closing, opened.closing)
		}
		return opened.writer, err
	}
	var err error
	if w.primary, err = open(cfg.URL); err != nil {
		return nil, err
	}
	if r == nil {
		return w, nil
	}
	for _, one := range r.all {
		probe, err := open(one.url)
		if err != nil {
			return nil, errors.Join(err, w.stop())
		}
		w.probes = append(w.probes, probe)
		one.checkSoon = w.checkSoon
	}
	return w, nil
}

func (w *watch) checkSoon() {
	select {
	case w.wake <- struct{}{}:
	default: // it will check anyway
	}
}

// start makes the first check and goes on in the background until stop. ctx
// bounds the first check alone.
func (w *watch) start(ctx context.Context) {
	if w == nil || w.done != nil {
		return
	}
	w.check(ctx)
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel, w.done = cancel, make(chan struct{})
	go w.run(running)
}

// stop ends the checks and closes their connections. It may be called again.
func (w *watch) stop() error {
	if w == nil {
		return nil
	}
	if w.cancel != nil {
		w.stopping.Store(true)
		w.cancel()
		<-w.done
	}
	errs := []error{w.primary.Close()}
	for _, probe := range w.probes {
		errs = append(errs, probe.Close())
	}
	for _, closing := range w.closing {
		closing()
	}
	return errors.Join(errs...)
}

// soonest bounds how often a replica that fails in the hands of sessions is
// looked at again.
const soonest = 50 * time.Millisecond

func (w *watch) run(ctx context.Context) {
	defer close(w.done)
	timer := time.NewTimer(w.interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.wake:
			timer.Reset(min(soonest, w.interval))
			continue
		}
		w.check(ctx)
		timer.Reset(w.interval)
	}
}

// check asks every server once. The primary first: how far behind a replica
// is, is counted from there.
func (w *watch) check(ctx context.Context) {
	w.checking.Lock()
	defer w.checking.Unlock()
	limit := max(w.interval, time.Second)
	asked := time.Now()
	within(ctx, limit, func(ctx context.Context) { w.checkPrimary(ctx, asked) })
	var wg sync.WaitGroup
	for i, probe := range w.probes {
		wg.Go(func() {
			within(ctx, limit, func(ctx context.Context) { w.checkReplica(ctx, w.replicas.all[i], probe) })
		})
	}
	wg.Wait()
}

func within(ctx context.Context, limit time.Duration, fn func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	fn(ctx)
}

// checkPrimary leaves what is known when the primary does not answer: whoever
// wants to write will notice, and readers can go on with the replicas.
func (w *watch) checkPrimary(ctx context.Context, asked time.Time) {
	state, err := w.replication.primary(ctx, w.primary)
	if err != nil {
		return
	}
	if state.readOnly && w.demoted != nil {
		w.log.Warn("the server takes no writes: its connections are dropped, to find the one that does")
		w.demoted()
		dropIdle(w.primary, 1)
	}
	if len(state.at) > 0 && !state.readOnly && w.replicas != nil {
		if another := w.history.add(asked, state.at); another {
			w.replicas.require(nil)
		}
	}
}

// dropIdle closes the connections that nobody uses.
func dropIdle(db *sql.DB, keep int) {
	db.SetMaxIdleConns(-1)
	db.SetMaxIdleConns(keep)
}

func (w *watch) checkReplica(ctx context.Context, r *replica, probe *sql.DB) {
	asked := time.Now()
	answer, err := w.replication.replica(ctx, probe)
	state := w.judge(asked, answer, err)
	r.state.Store(&state)
	const used, unused = "used", "unused"
	switch {
	case ctx.Err() != nil && w.stopping.Load():
	case state.fit && r.told != used:
		w.log.Info("reads go to the replica", zap.Stringer("replica", r.url), zap.Duration("lag", state.lag))
		r.told = used
	case !state.fit && r.told != unused:
		w.log.Warn("reads do not go to the replica", zap.Stringer("replica", r.url), zap.String("reason", state.reason))
		r.told = unused
	}
}

// judge makes of an answer what sessions need to know.
func (w *watch) judge(asked time.Time, a replicaAnswer, err error) replicaState {
	if err != nil {
		return replicaState{reason: fmt.Sprintf("it does not answer: %v", err)}
	}
	if a.refused != "" {
		return replicaState{reason: a.refused}
	}
	s := replicaState{at: a.at, lag: a.lag}
	known := a.lag >= 0
	if known {
		s.asOf = asked.Add(-a.lag - time.Second) // servers count in whole seconds
	}
	if asOf, latest, ok := w.history.before(a.at); ok {
		known, s.asOf, s.lag = true, asOf, 0
		if !latest {
			s.lag = asked.Sub(asOf)
		}
	}
	switch {
	case !a.at.covers(w.replicas.required()):
		s.reason = "it has not replayed the schema yet"
	case w.maxLag > 0 && !known:
		s.reason = "how far behind it is can't be told yet"
	case w.maxLag > 0 && s.lag > w.maxLag:
		s.reason = fmt.Sprintf("it is %s behind, more than DATABASE_REPLICA_MAX_LAG=%s", s.lag.Round(time.Millisecond), w.maxLag)
	default:
		s.fit = true
	}
	return s
}

// history remembers where the primary was when: by it a replica's lag needs
// no clock but this one, and a primary that is idle leaves no replica behind.
type history struct {
	mu    sync.Mutex
	moves []move // oldest first
}

// move is the last moment at which the primary was seen at a position.
type move struct {
	at   position
	seen time.Time
}

// longestHistory bounds it. The older half is thinned out, so that it reaches
// back further than its length.
const longestHistory = 512

// add reports whether this is another primary than before, one that counts
// from an earlier position: what was known of the other says nothing.
func (h *history) add(seen time.Time, at position) (another bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := len(h.moves) - 1
	if last >= 0 && !at.covers(h.moves[last].at) {
		h.moves, last, another = h.moves[:0], -1, true
	}
	if last >= 0 && h.moves[last].at.covers(at) {
		h.moves[last].seen = seen
		return false
	}
	h.moves = append(h.moves, move{at: at, seen: seen})
	if len(h.moves) <= longestHistory {
		return another
	}
	kept := h.moves[:0]
	for i, m := range h.moves {
		if i >= longestHistory/2 || i%2 == 0 {
			kept = append(kept, m)
		}
	}
	h.moves = kept
	return another
}

// before returns the last moment of which everything is covered by a position,
// and whether that is the latest known; ok is false when none is known.
func (h *history) before(at position) (seen time.Time, latest, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.moves) - 1; i >= 0; i-- {
		if at.covers(h.moves[i].at) {
			return h.moves[i].seen, i == len(h.moves)-1, true
		}
	}
	return time.Time{}, false, false
}
