package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/pool"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/openhands-go/server/dbmodule/observe"
)

// connPool leases connections to sessions, and through database/sql to the users of
// [Database.DB].
type connPool struct {
	*pool.Pool[*pooled]
	// db has the builders of the sessions' statements. Its own connections are those of the
	// writer, but the statements of a session run on the session's connection.
	db      *bun.DB
	timeout time.Duration
	// gate keeps sessions out during a migration in the background.
	gate *gate
	// replica is the replica that the connections lead to, nil for the primary.
	replica   *cluster.Replica
	name      Pool
	observers observe.Observers
}

// newConnPool makes a pool of a connector's connections. replica is nil for the primary. It
// does no I/O. setDB must be called before sessions use the pool.
func newConnPool(name Pool, c *sqlconn.Connector, limits pool.Limits, timeout time.Duration, with shared, replica *cluster.Replica) *connPool {
	p := &connPool{name: name, timeout: timeout, gate: with.gate, observers: with.listeners.Observers, replica: replica}
	p.Pool = pool.New(limits, func(ctx context.Context) (*pooled, error) {
		made, err := c.Connect(ctx)
		if err != nil {
			return nil, err
		}
		return &pooled{Conn: made}, nil
	})
	c.WhenLost(p.Suspect)
	if c.Groups != nil {
		c.Groups.CountWaiting(p.Waiting)
		p.WhenWaitersGone(p.flush)
	}
	return p
}

// setDB sets the bun.DB that has the builders of the sessions' statements.
func (p *connPool) setDB(db *bun.DB) { p.db = db }

// limitsOf are SQLAlchemy's pool settings: pool_size connections are kept,
// max_overflow more may be open for as long as they are in use.
func limitsOf(cfg Config) pool.Limits {
	return pool.Limits{Size: cfg.PoolSize, Overflow: cfg.MaxOverflow, Recycle: max(cfg.PoolRecycle, 0)}
}

// pooled is a connection in a pool.
type pooled struct {
	*sqlconn.Conn
	// pinned is the connection as a bun.Conn, for all sessions that use it. It is made for the
	// first session, and lasts as long as the connection. database/sql has handle in it.
	pinned bun.Conn
	handle *handle
}

// pin returns the connection as a bun.Conn.
func (p *pooled) pin(ctx context.Context, db *bun.DB) (bun.Conn, error) {
	if p.pinned.Conn != nil {
		return p.pinned, nil
	}
	p.handle = &handle{Conn: p.Conn}
	pinned, err := db.Conn(&sqlconn.Call{Caller: ctx, Conn: p.handle})
	if err == nil {
		p.pinned = pinned
	}
	return pinned, err
}

// Close closes the connection.
func (p *pooled) Close() error {
	if p.pinned.Conn != nil {
		p.handle.closed.Store(true)
		// If database/sql called Close, it holds a lock that pinned.Close waits for.
		go func() { _ = p.pinned.Close() }() // only has database/sql forget the connection
	}
	return p.Conn.Close()
}

// handle is the driver.Conn that database/sql gets. It is made once for all sessions that
// use the connection (see pooled), or for one statement or transaction of a bun.DB.
type handle struct {
	*sqlconn.Conn
	lease *pool.Lease[*pooled] // nil for sessions
	// closed is set when the pool has closed the connection.
	closed atomic.Bool
	// returned is set when the user of a bun.DB has released the connection as usable.
	returned atomic.Bool
}

// IsValid is called by database/sql when a connection is released, except after
// driver.ErrBadConn.
func (h *handle) IsValid() bool {
	h.returned.Store(true)
	return true
}

// Close releases the connection of a bun.DB. It closes a connection of sessions: database/sql
// calls it because the connection is broken.
func (h *handle) Close() error {
	switch {
	case h.lease != nil:
		if !h.returned.Load() {
			h.Discard()
		}
		return h.lease.Release()
	case h.closed.Load():
		return nil
	}
	h.Discard()
	return h.Conn.Close()
}

// leasing is the driver.Connector of a *sql.DB that leases its connections from a pool.
type leasing struct{ pool *connPool }

// openDB makes a *sql.DB that leases its connections from a pool. It keeps no idle
// connections itself.
func openDB(from *connPool) *sql.DB {
	db := sql.OpenDB(leasing{from})
	db.SetMaxIdleConns(-1)
	return db
}

// Connect leases a connection. For a session, the call in ctx has the connection already.
func (l leasing) Connect(ctx context.Context) (driver.Conn, error) {
	if call := sqlconn.CallOf(ctx); call != nil && call.Conn != nil {
		return call.Conn, nil
	}
	lease, err := l.pool.Acquire(ctx, 0, pool.User{})
	if err != nil {
		if errors.Is(err, ErrDatabaseClosed) {
			err = fmt.Errorf("dbmodule: use connection: %w", err)
		}
		return nil, err
	}
	lease.Conn().CommitGroup() // only sessions can join a group
	return &handle{Conn: lease.Conn().Conn, lease: lease}, nil
}

// Driver satisfies driver.Connector; connections are made by Connect alone.
func (leasing) Driver() driver.Driver { return refusingDriver{} }

type refusingDriver struct{}

func (refusingDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("dbmodule: connections are opened by their connector")
}

// heldConn is the connection of a session, or of one of its statements (see lone).
type heldConn struct {
	lease pool.Lease[*pooled]
	pool  *connPool
	raw   *sqlconn.Conn
	conn  bun.Conn
}

// acquire leases a connection into held, which is zero; the caller releases it. It waits
// until ctx ends or pool_timeout has passed. A new connection is limited by the connect
// timeout instead.
func (p *connPool) acquire(ctx context.Context, user pool.User, held *heldConn) (err error) {
	if err = p.AcquireInto(ctx, p.timeout, user, &held.lease); err != nil {
		return fmt.Errorf("dbmodule: connect: %w", err)
	}
	leased := held.lease.Conn()
	held.pool, held.raw = p, leased.Conn
	if held.conn, err = leased.pin(ctx, p.db); err != nil {
		return errors.Join(fmt.Errorf("dbmodule: connect: %w", err), held.lease.Release())
	}
	return nil
}

func (h *heldConn) release() error {
	if err := h.lease.Release(); err != nil {
		return fmt.Errorf("dbmodule: give connection back: %w", err)
	}
	return nil
}

// ping asks the server for an answer. If a connection had lost its server while it was idle,
// ping uses another one.
func (p *connPool) ping(ctx context.Context) error {
	for {
		lease, err := p.Acquire(ctx, 0, pool.User{})
		if err != nil {
			return err
		}
		lease.Conn().CommitGroup()
		reused := lease.Reused()
		err = errors.Join(lease.Conn().Ping(ctx), lease.Release())
		if !errors.Is(err, driver.ErrBadConn) || !reused {
			return err
		}
	}
}

// flush is called when no session waits for the writer any more. A group's transaction may
// have been left open for a session that then gave up. To release the connection commits
// that transaction.
func (p *connPool) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) //nolint:forbidigo // no caller is left; the group's members wait for COMMIT
	defer cancel()
	if lease, err := p.Acquire(ctx, 0, pool.User{}); err == nil {
		_ = lease.Release() // the pool drops a connection that does not close
	}
}

// PoolStats describes a database's connections at one moment, readers and
// writer together.
type PoolStats struct {
	// MaxOpen is the limit, 0 when there is none.
	MaxOpen int `json:"max_open"`
	// Open counts the connections that exist: InUse plus Idle.
	Open  int `json:"open"`
	InUse int `json:"in_use"`
	Idle  int `json:"idle"`
	// WaitCount and WaitDuration add up all waits for a connection so far.
	WaitCount    int64         `json:"wait_count"`
	WaitDuration time.Duration `json:"wait_duration_ns"`
}

func (s PoolStats) plus(p *connPool) PoolStats {
	stats := p.Stats()
	s.MaxOpen += stats.MaxOpenConnections
	s.Open += stats.OpenConnections
	s.InUse += stats.InUse
	s.Idle += stats.Idle
	s.WaitCount += stats.WaitCount
	s.WaitDuration += stats.WaitDuration
	return s
}
