package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// replicas are the servers that read-only sessions go to.
type replicas struct {
	all []*replica
	// id names the database in tokens.
	id          string
	replication replication
	maxLag      time.Duration
	next        atomic.Uint64

	mu sync.Mutex
	// floor is what every replica must have replayed: the schema that the
	// program started with.
	floor position
}

// replica is one of them, with a pool of its own.
type replica struct {
	url     URL
	db      *sql.DB
	closing func()
	pool    *pool
	state   atomic.Pointer[replicaState]
	// checkSoon wakes the watch, which alone uses told: what it logged last.
	checkSoon func()
	told      string
}

// replicaState is what the last check found. It is not changed afterwards.
type replicaState struct {
	fit    bool
	reason string // why not, for people
	lag    time.Duration
	at     position
	// asOf is a moment before which everything committed has been replayed.
	asOf time.Time
}

// openReplicas opens a pool for each replica. It does no I/O; until the first
// check none of them is used.
func openReplicas(cfg Config, dialect schema.Dialect, hooks []bun.QueryHook, tell listeners, g *gate) (_ *replicas, err error) {
	if len(cfg.ReplicaURLs) == 0 {
		return nil, nil
	}
	r := &replicas{id: tokenID(cfg.URL), replication: newReplication(cfg.URL.Engine()), maxLag: cfg.ReplicaMaxLag}
	for i, u := range cfg.ReplicaURLs {
		cfg := cfg
		if cfg.URL = u; hasPassword(u) {
			cfg.PasswordFile, cfg.PasswordCommand, cfg.Password = "", "", nil // the replica's own goes first
		}
		opened, err := openPools(cfg, tell)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		db := bun.NewDB(opened.writer, dialect)
		for _, hook := range hooks {
			db = db.WithQueryHook(hook)
		}
		one := &replica{url: u, db: opened.writer, closing: opened.closing, checkSoon: func() {}}
		one.pool = newPool(PoolReplica(i+1), db, cfg.PoolTimeout, g, tell.observers)
		one.pool.replica = one
		opened.connector.standby = true
		one.state.Store(&replicaState{reason: "it has not been checked yet"})
		r.all = append(r.all, one)
	}
	return r, nil
}

func (r *replicas) close() error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, one := range r.all {
		errs = append(errs, one.db.Close())
	}
	return errors.Join(errs...)
}

// wait returns when nothing is done any more for connections that are closed.
func (r *replicas) wait() {
	if r == nil {
		return
	}
	for _, one := range r.all {
		if one.closing != nil {
			one.closing()
		}
	}
}

func (r *replicas) require(floor position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.floor = floor
}

func (r *replicas) required() position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.floor
}

// choose returns the next replica, in turn, that is fit and has replayed what
// must be seen; nil for none.
func (r *replicas) choose(must mark, seen bool) *pool {
	n := uint64(len(r.all))
	first := r.next.Add(1)
	for i := range n {
		one := r.all[(first+i)%n]
		if state := one.state.Load(); state.fit && (!seen || state.shows(must, r.maxLag)) {
			return one.pool
		}
	}
	return nil
}

// shows reports whether the replica has replayed a write, as far as its last
// check can tell.
func (s *replicaState) shows(m mark, maxLag time.Duration) bool {
	if len(m.at) > 0 && len(s.at) > 0 {
		if s.at.covers(m.at) {
			return true
		}
		// A primary that took over may count from an earlier position: what is
		// older than any lag is not waited for.
		return maxLag > 0 && time.Since(m.when) > maxLag+clockSlack
	}
	return s.asOf.After(m.when.Add(clockSlack))
}

// serving is the pool for a session's next connection.
func (f *SessionFactory) serving(ctx context.Context, s *Session) *pool {
	o := s.options
	if f.replicas == nil || !o.readOnly || o.ungated || s.fromPrimary || o.isolation == sql.LevelSerializable {
		return f.pool(o.readOnly) // a standby has no serializable transactions
	}
	if p := f.replicas.choose(causalityOf(ctx).seen(f.replicas.id)); p != nil {
		return p
	}
	return f.pool(o.readOnly)
}

// unreached reports whether an attempt to get a connection is worth another
// one, on the primary. A replica that can't be reached is left alone until a
// check finds it again. It is nil for the primary.
func (s *Session) unreached(ctx context.Context, r *replica, err error) bool {
	if r == nil || ctx.Err() != nil || errors.Is(err, ErrPoolTimeout) {
		return false
	}
	r.suspend(err)
	s.fromPrimary = true
	return true
}

// suspend keeps the replica from being used until the next check.
func (r *replica) suspend(err error) {
	state := *r.state.Load()
	state.fit, state.reason = false, err.Error()
	r.state.Store(&state)
	r.checkSoon()
}

// elsewhere reports whether a SELECT that failed on a replica is to be
// repeated, on the primary. There it can only do better: a replica may be
// gone, it cancels what conflicts with its replay, and a table may not have
// come to it yet. What took too long is not done twice. stale is set for a
// connection that was in the pool before: its loss says little of the server.
func (s *Session) elsewhere(ctx context.Context, r *replica, stale bool, err error) bool {
	if r == nil || ctx.Err() != nil || errors.Is(err, ErrTimeout) {
		return false
	}
	switch {
	case !isUnavailable(err):
	case stale:
		r.checkSoon()
	default:
		r.suspend(err)
	}
	s.fromPrimary = true
	return true
}

// ReplicaStats describes a replica of DATABASE_REPLICA_URLS at one moment.
type ReplicaStats struct {
	// Replica is the URL without its password.
	Replica string `json:"replica"`
	// Fit reports whether reads go there; Reason says why not.
	Fit    bool   `json:"fit"`
	Reason string `json:"reason,omitempty"`
	// Lag is how far behind the primary it was at the last check, at most: 0
	// when it had everything. It means nothing before the first check.
	Lag  time.Duration `json:"lag_ns"`
	Pool PoolStats     `json:"pool"`
}

// Replicas describes the replicas, in the order of DATABASE_REPLICA_URLS. The
// reasons may name hosts, no secrets.
func (d *Database) Replicas() []ReplicaStats {
	if d.replicas == nil {
		return nil
	}
	stats := make([]ReplicaStats, len(d.replicas.all))
	for i, one := range d.replicas.all {
		state := one.state.Load()
		stats[i] = ReplicaStats{
			Replica: one.url.String(), Fit: state.fit, Reason: state.reason, Lag: state.lag,
			Pool: PoolStats{}.plus(one.db),
		}
	}
	return stats
}

// needsSchema makes replicas wait for what the primary has by now: tables that
// were just made are not there on them yet.
func (d *Database) needsSchema(ctx context.Context) error {
	if d.replicas == nil {
		return nil
	}
	state, err := d.replicas.replication.primary(ctx, d.pools.writer)
	if err != nil {
		return fmt.Errorf("dbmodule: read replication position: %w", err)
	}
	d.replicas.require(state.at)
	for _, one := range d.replicas.all {
		one.suspend(errors.New("it has not replayed the schema yet"))
	}
	return nil
}

// unwatched makes a Database that opens no connections but those of its pool.
func unwatched() Option { return func(d *Database) { d.isUnwatched = true } }

// openCluster opens what a database of several servers has beyond its primary.
func (d *Database) openCluster() (err error) {
	if d.isUnwatched {
		return nil
	}
	d.replicas, err = openReplicas(d.config, d.pools.dialect, d.hooks(), d.listeners(), &d.gate)
	if err != nil {
		return err
	}
	d.sessions.replicas = d.replicas
	d.watch, err = newWatch(d.config, d.log, d.replicas, d.demoted)
	return err
}

// demoted drops the connections to a server that is the primary no longer:
// those that nobody uses now, the others when they are given back.
func (d *Database) demoted() {
	d.pools.connector.generation.turn()
	d.pools.writer.SetMaxIdleConns(-1)
	limitPool(d.pools.writer, d.config)
}

// invalidReplicas is what is wrong with DATABASE_REPLICA_URLS.
func (c Config) invalidReplicas() (errs []error) {
	bad := func(i int, why error) {
		errs = append(errs, fmt.Errorf("dbmodule: DATABASE_REPLICA_URLS: number %d: %w", i+1, why))
	}
	for i, u := range c.ReplicaURLs {
		switch {
		case u.IsZero():
			bad(i, errors.New("it is not set"))
		case u.Invalid() != nil:
			bad(i, u.Invalid())
		case u.Engine() == SQLite:
			bad(i, errors.New("SQLite has no replicas"))
		case !c.URL.IsZero() && c.URL.Invalid() == nil && u.Engine() != c.URL.Engine():
			bad(i, fmt.Errorf("it is a %s database, and DATABASE_URL a %s one", u.Engine(), c.URL.Engine()))
		case len(u.Hosts()) > 1:
			bad(i, errors.New("it names several hosts: list each server as a URL of its own"))
		}
	}
	return errs
}
