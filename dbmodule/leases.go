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

// connPool leases connections to sessions, and by the database/sql that [Database.DB]
// stands on to everybody else.
type connPool struct {
	*pool.Pool[*pooled]
	// db is what sessions build their statements with. It leads to the writer; a
	// session's connection is its own.
	db      *bun.DB
	timeout time.Duration
	// gate keeps sessions out during a migration in the background.
	gate *gate
	// replica is whose pool this is, nil for the primary.
	replica *cluster.Replica
	// name and observers are for those who watch.
	name      Pool
	observers observe.Observers
}

// newConnPool makes a pool of a connector's connections, which are those of a replica
// unless that is nil. It does no I/O. Sessions may use it once they can build statements:
// see buildsWith.
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
	if c.Queue != nil {
		c.Queue.CountWaiting(p.Waiting)
		p.WhenLeft(p.flush)
	}
	return p
}

// buildsWith says what sessions build their statements with. It is called before the
// pool leases connections to them.
func (p *connPool) buildsWith(db *bun.DB) { p.db = db }

// limitsOf are SQLAlchemy's pool settings: pool_size connections are kept,
// max_overflow more may be open for as long as they are in use.
func limitsOf(cfg Config) pool.Limits {
	return pool.Limits{Size: cfg.PoolSize, Overflow: cfg.MaxOverflow, Recycle: max(cfg.PoolRecycle, 0)}
}

// pooled is a connection in a pool.
type pooled struct {
	*sqlconn.Conn
	// pinned is the connection as Bun and database/sql know it for sessions, for as long
	// as it lives. It is made for the first session, around handle.
	pinned bun.Conn
	handle *handle
}

// pin returns the connection for a session.
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
		// It may be database/sql that calls, with a lock that this would wait for.
		go func() { _ = p.pinned.Close() }() // forgets the connection, no more
	}
	return p.Conn.Close()
}

// handle is a connection in the hands of database/sql: a session's for as long as the
// connection lives, or one that was leased for a statement or transaction of a bun.DB.
type handle struct {
	*sqlconn.Conn
	lease *pool.Lease[*pooled] // nil for a session's
	// closed is set when the connection was closed already.
	closed atomic.Bool
	// returned is set when whoever had it gave it back in order.
	returned atomic.Bool
}

// IsValid is called by database/sql when a connection is given back, and not when its
// user has called it bad (driver.ErrBadConn).
func (h *handle) IsValid() bool {
	h.returned.Store(true)
	return true
}

// Close gives a leased connection back. That of a session is closed: database/sql has
// found it no good.
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

// leasing is what database/sql gets its connections from. It keeps none: the pool does.
type leasing struct{ pool *connPool }

// openDB returns a database/sql that leases its connections from a pool.
func openDB(from *connPool) *sql.DB {
	db := sql.OpenDB(leasing{from})
	db.SetMaxIdleConns(-1)
	return db
}

// Connect leases a connection; that of a session it has already.
func (l leasing) Connect(ctx context.Context) (driver.Conn, error) {
	if of := sqlconn.CallOf(ctx); of != nil && of.Conn != nil {
		return of.Conn, nil
	}
	lease, err := l.pool.Acquire(ctx, 0, pool.User{})
	if err != nil {
		if errors.Is(err, ErrDatabaseClosed) {
			err = fmt.Errorf("dbmodule: use connection: %w", err)
		}
		return nil, err
	}
	lease.Conn().LeavesGroup() // only sessions know how to join
	return &handle{Conn: lease.Conn().Conn, lease: lease}, nil
}

// Driver satisfies driver.Connector; connections are made by Connect alone.
func (leasing) Driver() driver.Driver { return refusingDriver{} }

type refusingDriver struct{}

func (refusingDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("dbmodule: connections are opened by their connector")
}

// heldConn is a connection in the hands of one session.
type heldConn struct {
	lease pool.Lease[*pooled]
	pool  *connPool
	raw   *sqlconn.Conn
	conn  bun.Conn
}

// take waits for a connection that is in use, at most until ctx ends or
// pool_timeout has passed; making a new one has the connect timeout instead.
// The session gives it back.
func (p *connPool) take(ctx context.Context, user pool.User, held *heldConn) (err error) {
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

func (h *heldConn) giveBack() error {
	if err := h.lease.Release(); err != nil {
		return fmt.Errorf("dbmodule: give connection back: %w", err)
	}
	return nil
}

// ping asks the server for an answer. A connection that went stale in the pool is
// replaced.
func (p *connPool) ping(ctx context.Context) error {
	for {
		lease, err := p.Acquire(ctx, 0, pool.User{})
		if err != nil {
			return err
		}
		lease.Conn().LeavesGroup()
		reused := lease.Reused()
		err = errors.Join(lease.Conn().Ping(ctx), lease.Release())
		if !errors.Is(err, driver.ErrBadConn) || !reused {
			return err
		}
	}
}

// flush makes sure that a transaction which was left open for a session
// that went away is committed: the next to take the connection does that.
func (p *connPool) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) //nolint:forbidigo // whoever waited has gone, those who wait for the COMMIT have not
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
