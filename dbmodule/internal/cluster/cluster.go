package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Settings are what a Cluster is made with.
type Settings struct {
	// Primary is the URL of the primary, with all hosts where it may be. Replicas are
	// the URLs of its replicas.
	Primary  dburl.URL
	Replicas []dburl.URL
	// Replication asks the servers how far they are.
	Replication engine.Replication
	// Open returns a pool for the checks of one server. It does no I/O. The Cluster
	// closes the pool, and never uses more than one connection of it.
	Open func(dburl.URL) (Probe, error)
	// Demoted is called when the primary has become read-only. nil does not check that.
	Demoted func()
	// MaxLag is how far behind a replica may be to serve reads; 0 is no limit.
	MaxLag time.Duration
	// Interval is the time between two checks.
	Interval time.Duration
	Log      *zap.Logger
}

// Probe is a pool for the checks of one server. With a pool of its own, a check does not fail
// because the program uses all connections.
type Probe struct {
	DB *sql.DB
	// CloseIdle closes the idle connections, Close the pool.
	CloseIdle, Close func() error
}

// Cluster is the servers of one database. It is safe for concurrent use. A nil
// Cluster is a database with one server, which nobody checks: it has no replicas,
// and Start, Check and Close do nothing.
type Cluster struct {
	settings Settings
	id       string
	primary  Probe
	replicas []*Replica
	next     atomic.Uint64
	watch    watch

	mu sync.Mutex // guards what follows, and changes of the replicas' states
	// floor is the write that each replica must have replayed before it serves reads: that of
	// the schema. The zero mark is none.
	floor   mark
	history history
}

// New makes a Cluster. It does no I/O: until the first check no replica is used.
// The caller closes the Cluster.
func New(s Settings) (*Cluster, error) {
	c := &Cluster{settings: s, id: databaseID(s.Primary), watch: newWatch()}
	var err error
	if c.primary, err = s.Open(s.Primary); err != nil {
		return nil, err
	}
	for i, u := range s.Replicas {
		probe, err := s.Open(u)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.replicas = append(c.replicas, newReplica(c, i, u, probe))
	}
	return c, nil
}

// Replicas returns the replicas in the order of their URLs.
func (c *Cluster) Replicas() []*Replica {
	if c == nil {
		return nil
	}
	return c.replicas
}

// Choose returns a replica for a read that must see the writes of w; w is nil if there are
// none. The replicas take turns. Choose returns nil if the primary has to serve the read,
// because no replica is fit or none has the writes yet.
func (c *Cluster) Choose(w *Writes) *Replica {
	n := uint64(len(c.replicas))
	must, wrote := w.of(c.id)
	first := c.next.Add(1)
	for i := range n {
		r := c.replicas[(first+i)%n]
		if state := r.state.Load(); state.Fit && (!wrote || state.shows(must, c.settings.MaxLag)) {
			return r
		}
	}
	return nil
}

// Wrote notes in w that something was committed just now. conn, if not nil, is the connection
// that committed. Wrote asks it for the position in the primary's log. Without an answer, it
// notes only the time.
func (c *Cluster) Wrote(ctx context.Context, w *Writes, conn engine.Queryer) {
	m := mark{when: time.Now()}
	if conn != nil {
		if at, err := c.settings.Replication.Written(ctx, conn); err == nil {
			m.at = at
		}
	}
	w.note(c.id, m)
}

// RequireNow keeps reads from each replica until it has replayed everything that the primary
// has now, such as new tables. primary is a pool of the primary.
func (c *Cluster) RequireNow(ctx context.Context, primary engine.Queryer) error {
	asked := time.Now()
	answer, err := c.settings.Replication.Primary(ctx, primary)
	if err != nil {
		return fmt.Errorf("dbmodule: read replication position: %w", err)
	}
	c.mu.Lock()
	c.floor = mark{at: answer.At, when: asked}
	for _, r := range c.replicas {
		r.suspend(noSchema)
	}
	c.mu.Unlock()
	c.watch.checkSoon()
	return nil
}

// Close ends the checks and closes their connections. It may be called again.
func (c *Cluster) Close() error {
	if c == nil {
		return nil
	}
	c.watch.stop()
	errs := []error{c.primary.Close()}
	for _, r := range c.replicas {
		errs = append(errs, r.probe.Close())
	}
	return errors.Join(errs...)
}
