package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Settings are what all connections of a [Connector] have in common.
type Settings struct {
	Engine  dburl.Engine
	Dialect sqltext.Dialect
	Judge   engine.Judge
	Open    engine.OpenFunc
	// PrePing asks the server each time somebody gets a connection.
	PrePing bool
	// ConnectTimeout bounds an attempt to connect, StatementTimeout a wait for an
	// answer; 0 does not.
	ConnectTimeout, StatementTimeout time.Duration
	// Shapes are the statements that the database's connections prepare; nil makes new ones.
	// Each connection keeps at most StatementCache statements prepared.
	Shapes         *prepared.Shapes
	StatementCache int
	// Standby is set for a replica, which is expected to refuse writes.
	Standby bool
	// Groups, if not nil, lets units of work of sessions commit in groups.
	Groups *groupcommit.Coordinator
	// Live, if not nil, counts the connections that are open.
	Live *Live
	// Listeners are told what is done.
	Listeners
}

// Connector makes connections to one server. It is safe for concurrent use.
type Connector struct {
	Settings
	// generation is turned when the server stops being the primary.
	generation cluster.Generation
	lost       func()
}

// NewConnector makes a Connector. It does no I/O.
func NewConnector(s Settings) *Connector {
	if s.Shapes == nil {
		s.Shapes = prepared.NewShapes()
	}
	return &Connector{Settings: s, lost: func() {}}
}

// WhenLost sets the function that is called when a connection has lost its server. Call it
// before the first connection is made.
func (c *Connector) WhenLost(f func()) { c.lost = f }

// Demoted has no connection used again that was made so far: their server is no longer the
// primary.
func (c *Connector) Demoted() { c.generation.Turn() }

// Connect makes a connection within the connect timeout. That limit does not include the
// caller's wait for a place in the pool.
func (c *Connector) Connect(ctx context.Context) (*Conn, error) {
	caller := ctx
	if c.ConnectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.ConnectTimeout)
		defer cancel()
	}
	generation := c.generation.Current()
	inner, err := c.Open(ctx)
	if err != nil {
		if left := caller.Err(); left != nil && errors.Is(err, driver.ErrBadConn) { // the driver closed it for that
			err = left
		}
		return nil, c.unconnected(err)
	}
	made := &Conn{
		inner: &severable{Conn: inner}, connector: c, generation: generation,
		preparation: preparation{statements: newStatements(c.Shapes, c.StatementCache, inner.ClosesLate())},
	}
	made.group = c.Groups.Group(made.inner)
	if err := c.Live.add(made); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

// unconnected gives the error of an attempt to connect its type. After a timeout of the
// caller or of the connect timeout the error is ErrUnavailable.
func (c *Connector) unconnected(err error) error {
	_, err = c.typed(err)
	var typed *dberr.Error
	if !errors.As(err, &typed) && errors.Is(err, context.DeadlineExceeded) {
		return c.failure(dberr.ErrUnavailable, fmt.Errorf("no connection in time: %w", err))
	}
	return err
}

// typed gives an error of the driver its type, and returns the engine's verdict on it.
func (c *Connector) typed(err error) (engine.Verdict, error) { return c.Judge.Typed(c.Engine, err) }

// failure makes an error of that kind with err as its cause.
func (c *Connector) failure(kind, err error) *dberr.Error { return c.Judge.Error(c.Engine, kind, err) }
