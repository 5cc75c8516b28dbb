package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// replicas are the pools of the replicas, in the order of cluster.Replicas.
type replicas struct {
	cluster *cluster.Cluster
	pools   []pools
}

// openCluster makes the cluster and the pools of the replicas, if there are any or if the
// URL names several hosts. It does no I/O.
func (d *Database) openCluster() error {
	cfg := d.config
	if d.isUnwatched || len(cfg.ReplicaURLs) == 0 && !cfg.URL.SeeksPrimary() {
		return nil
	}
	settings := cluster.Settings{
		Primary: cfg.URL, Replicas: cfg.ReplicaURLs, Replication: d.pools.opened.Replication, Open: cfg.openProbe,
		MaxLag: cfg.ReplicaMaxLag, Interval: cfg.CheckInterval, Log: d.log,
	}
	if cfg.URL.SeeksPrimary() {
		settings.Demoted = d.demoted
	}
	var err error
	if d.cluster, err = cluster.New(settings); err != nil || len(cfg.ReplicaURLs) == 0 {
		return err
	}
	d.replicas = &replicas{cluster: d.cluster}
	for _, one := range d.cluster.Replicas() {
		if err := d.openReplica(one); err != nil {
			return err
		}
	}
	return nil
}

// openProbe opens a pool for the checks of one server.
func (c Config) openProbe(u URL) (cluster.Probe, error) {
	c.URL, c.PoolSize, c.MaxOverflow = u, 1, 0
	opened, err := openPools(c, shared{}, nil)
	if err != nil {
		return cluster.Probe{}, err
	}
	return cluster.Probe{DB: opened.db, CloseIdle: opened.writer.CloseIdle, Close: func() error {
		err := opened.close()
		opened.wait()
		return err
	}}, nil
}

// openReplica opens the pool of one replica. A password in its URL counts instead of
// the primary's.
func (d *Database) openReplica(one *cluster.Replica) error {
	cfg := d.config
	if cfg.URL = one.URL(); hasPassword(cfg.URL) {
		cfg.PasswordFile, cfg.PasswordCommand, cfg.Password = "", "", nil
	}
	opened, err := openPools(cfg, d.shared(), one)
	if err != nil {
		return err
	}
	opened.writer.setDB(d.db)
	d.replicas.pools = append(d.replicas.pools, opened)
	return nil
}

func (r *replicas) close() error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, p := range r.pools {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// wait returns when the driver has finished its work for closed connections.
func (r *replicas) wait() {
	if r == nil {
		return
	}
	for _, p := range r.pools {
		p.wait()
	}
}

// poolFor returns the pool for a session's next connection. Serializable transactions, also
// of read-only sessions, need the primary: standbys refuse them.
func (f *SessionFactory) poolFor(ctx context.Context, s *Session) *connPool {
	o := s.options
	if f.replicas != nil && o.readOnly && !o.ungated && !s.fromPrimary && o.isolation != sql.LevelSerializable {
		if chosen := f.replicas.cluster.Choose(writesOf(ctx)); chosen != nil {
			return f.replicas.pools[chosen.Index()].writer
		}
	}
	return f.pool(o.readOnly)
}

// acquiresFromPrimary is called when a session got no connection to a server. If the server
// is a replica, it reports true: the session tries the primary. The replica is not used
// until a check can reach it.
func (s *Session) acquiresFromPrimary(ctx context.Context, from *connPool, err error) bool {
	if from.replica == nil || ctx.Err() != nil || errors.Is(err, ErrPoolTimeout) {
		return false
	}
	from.replica.Suspend(err)
	s.fromPrimary = true
	return true
}

// retriesOnPrimary is called when a SELECT has failed. If it failed on a replica, it reports
// true: the session runs it again on the primary. A replica may be gone, may cancel a query
// that conflicts with its replay, or may not have a new table yet. A SELECT that took too
// long is not run again. reused is set if the connection was in the pool before: then its
// loss does not mean that the replica is gone.
func (s *Session) retriesOnPrimary(ctx context.Context, from *connPool, reused bool, err error) bool {
	if from.replica == nil || ctx.Err() != nil || errors.Is(err, ErrTimeout) {
		return false
	}
	switch {
	case !isUnavailable(err):
	case reused:
		from.replica.CheckSoon()
	default:
		from.replica.Suspend(err)
	}
	s.fromPrimary = true
	return true
}

// needsSchema keeps reads from each replica until it has replayed what the primary has now,
// for example new tables.
func (d *Database) needsSchema(ctx context.Context) error {
	if d.replicas == nil {
		return nil
	}
	return d.cluster.RequireNow(ctx, d.pools.db)
}

// unwatched makes a Database without replicas and without checks of its servers.
func unwatched() Option { return func(d *Database) { d.isUnwatched = true } }

// demoted closes the connections to a server that is no longer the primary: idle ones now,
// the others when they are released.
func (d *Database) demoted() {
	d.pools.connector.Demoted()
	_ = d.pools.writer.CloseIdle() // nobody needs them
}

// ReplicaStats describes a replica of DATABASE_REPLICA_URLS at one moment.
type ReplicaStats struct {
	// Replica is the URL without its password.
	Replica string `json:"replica"`
	// Fit reports whether reads go there; Reason says why not.
	Fit    bool   `json:"fit"`
	Reason string `json:"reason,omitempty"`
	// Lag is the most that the replica was behind the primary at the last check:
	// 0 if it had everything, negative if the lag is not known. It means nothing
	// before the first check.
	Lag  time.Duration `json:"lag_ns"`
	Pool PoolStats     `json:"pool"`
}

// Replicas describes the replicas, in the order of DATABASE_REPLICA_URLS. The
// reasons may name hosts, no secrets.
func (d *Database) Replicas() []ReplicaStats {
	var stats []ReplicaStats
	for i, one := range d.cluster.Replicas() {
		state := one.State()
		stats = append(stats, ReplicaStats{
			Replica: one.URL().String(), Fit: state.Fit, Reason: state.Reason, Lag: state.Lag,
			Pool: PoolStats{}.plus(d.replicas.pools[i].writer),
		})
	}
	return stats
}

// invalidReplicas lists what is wrong with DATABASE_REPLICA_URLS.
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
		case isLocal(u):
			bad(i, errors.New("SQLite has no replicas"))
		case !c.URL.IsZero() && c.URL.Invalid() == nil && u.Engine() != c.URL.Engine():
			bad(i, fmt.Errorf("it is a %s database, and DATABASE_URL a %s one", u.Engine(), c.URL.Engine()))
		case len(u.Hosts()) > 1:
			bad(i, errors.New("it names several hosts: list each server as a URL of its own"))
		}
	}
	return errs
}

type writesKey struct{}

// ReadYourWrites returns a context whose read-only sessions see everything that
// sessions with this context, or one derived from it, committed before,
// although reads go to replicas. Until a replica has replayed the writes, these
// reads go to the primary; reads with other contexts still use the replica. It also
// takes a token of [WriteToken] from another context or process, "" for none;
// a text that is not a token counts as none.
//
// On databases without DATABASE_REPLICA_URLS it costs nothing and changes
// nothing. With them, each commit of a session asks the primary for its
// position: one more round trip. It does not track writes through [Database.DB].
// The context may be used concurrently.
func ReadYourWrites(ctx context.Context, token string) context.Context {
	w := &withWrites{Context: ctx}
	w.writes.Take(token)
	return w
}

// withWrites is the context of ReadYourWrites.
type withWrites struct {
	context.Context
	writes cluster.Writes
}

func (w *withWrites) Value(key any) any {
	if key == (writesKey{}) {
		return &w.writes
	}
	return w.Context.Value(key)
}

// WriteToken returns a token for the writes that were made with ctx, or "" if
// nothing was written to a database with replicas. Pass it to [ReadYourWrites]
// where the same client reads next. It is text of letters, digits, dots,
// dashes and tildes, of at most 400 bytes, and contains nothing secret: positions
// in the database's log and times. It need not be kept longer than
// DATABASE_REPLICA_MAX_LAG and a few seconds.
func WriteToken(ctx context.Context) string { return writesOf(ctx).Token() }

// writesOf returns the writes of a context of ReadYourWrites, nil for any other context.
func writesOf(ctx context.Context) *cluster.Writes {
	w, _ := ctx.Value(writesKey{}).(*cluster.Writes)
	return w
}

// noteWrite notes that the session has just committed, for later reads with the same
// context. If the session has no connection any more, it can only note the time.
func (s *Session) noteWrite(ctx context.Context) {
	replicas := s.factory.replicas
	if replicas == nil || s.options.readOnly {
		return
	}
	w := writesOf(ctx)
	if w == nil {
		return
	}
	var wrote engine.Queryer
	if s.held != nil {
		wrote = s.held.conn.Conn
	}
	replicas.cluster.Wrote(ctx, w, wrote)
}
