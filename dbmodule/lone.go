package dbmodule

import (
	"context"
	"database/sql"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
	"github.com/openhands-go/server/dbmodule/observe"
)

// lone is a statement that runs by itself, a SELECT of a read-only session
// or any of an autocommitting one, and the context that database/sql gets for it.
// The session has a connection for as long as the rows are read, and no longer:
// whatever else it does meanwhile, such as encoding and sending an answer, others
// need not wait for.
//
// Until there is a connection the context is a takeContext. From then on that of a
// result which the session follows can't be done: database/sql would keep a
// goroutine and a context for each to close it when its context ends. The driver
// obeys the caller's context by itself (see rows.Next), and the session closes
// what is left open when it ends.
type lone struct {
	takeContext
	holder
	unit  observedUnit
	query string
	kind  alone
	// writes is set unless it is in a read-only session.
	writes   bool
	openRows // the result, open while the connection is not given back

	// began is when a connection was asked for, with observers.
	began time.Time
	// taken is set once there is a connection.
	taken bool
	// broken and reused are the connection's when the statement failed.
	broken, reused bool
}

// alone is what a statement by itself returns.
type alone int

const (
	// aloneRows is a result that the session follows, aloneRow one that only its
	// user can close, aloneExec none.
	aloneRows alone = iota
	aloneRow
	aloneExec
)

func (one *lone) Done() <-chan struct{} {
	switch {
	case !one.taken:
		return one.takeContext.Done()
	case one.kind != aloneRows:
		return one.caller.Done()
	default:
		return nil
	}
}

func (one *lone) Err() error {
	switch {
	case !one.taken:
		return one.takeContext.Err()
	case one.kind != aloneRows:
		return one.caller.Err()
	default:
		return nil
	}
}

func (one *lone) Deadline() (deadline time.Time, ok bool) {
	switch {
	case !one.taken:
		return one.takeContext.Deadline()
	case one.kind != aloneRows:
		return one.caller.Deadline()
	default:
		return time.Time{}, false
	}
}

func (one *lone) Value(key any) any {
	if one.taken {
		return one.caller.Value(key)
	}
	return one.takeContext.Value(key)
}

// newLone begins a unit of work for one statement.
func (s *Session) newLone(ctx context.Context, from *pool, query string, kind alone) *lone {
	one := &lone{
		takeContext: takeContext{caller: ctx, timeout: from.timeout},
		holder:      holder{pool: from, session: s.id, user: s.options.owner},
		query:       query,
		unit:        observedUnit{outcome: OutcomeNone, UnitOfWork: s.unitOfWork(from)},
		kind:        kind,
		writes:      !s.options.readOnly,
	}
	if one.user == nil {
		one.user = one
	}
	tellSessionUsed(ctx, s.id)
	if len(from.observers) > 0 && !observe.IsUnobserved(ctx) {
		one.unit.ctx = from.observers.UnitBegan(ctx, one.unit.UnitOfWork)
		one.began = time.Now()
	}
	return one
}

// String is who has the connection, if nobody else is named.
func (one *lone) String() string {
	return "the statement " + sqltext.Masked(dialectOf(one.unit.Engine), one.query, longestUser)
}

// longestUser bounds the statement in an error about a full pool, in bytes.
const longestUser = 200

// got is called by the connection that is about to run the statement. It
// returns the context that counts for that: the caller's.
func (one *lone) got(c *conn) context.Context {
	if one.taken {
		return one.caller // prepared first, as drivers may want
	}
	one.end() // the wait, and its timer
	one.taken = true
	one.open.Store(true)
	c.unit, c.lone = &one.unit, one
	one.since = time.Now()
	one.pool.add(&one.holder)
	if one.unit.ctx != nil {
		one.pool.observers.Acquired(one.unit.ctx, Acquisition{Pool: one.pool.name, Took: one.since.Sub(one.began)})
	}
	return one.caller
}

// answered notes what the connection has become by the statement, and marks an
// error that leaves open what is stored.
func (one *lone) answered(c *conn, err error) error {
	one.broken, one.reused = c.broken, c.reused
	if one.writes {
		return c.unsettled(err)
	}
	return err
}

// givenBack is called when the pool has the connection again.
func (one *lone) givenBack() {
	one.pool.remove(&one.holder)
	if one.unit.ctx != nil {
		one.pool.observers.UnitEnded(one.unit.ctx, UnitEnd{UnitOfWork: one.unit.UnitOfWork, Outcome: OutcomeNone, Held: time.Since(one.since)})
	}
	one.open.Store(false)
}

// notTaken ends a unit of work that got no connection.
func (one *lone) notTaken(err error) error {
	one.end()
	err = one.pool.notTaken(one.caller, err)
	if one.unit.ctx != nil {
		one.pool.observers.Acquired(one.unit.ctx, Acquisition{Pool: one.pool.name, Took: time.Since(one.began), Err: err})
		one.pool.observers.UnitEnded(one.unit.ctx, UnitEnd{UnitOfWork: one.unit.UnitOfWork, Outcome: OutcomeNone, Err: err})
	}
	return err
}

// runAlone runs a statement that needs no connection beyond its result. One of a
// read-only session is repeated when the connection from the pool turns out to be
// stale.
func (s *Session) runAlone(ctx context.Context, query string, kind alone, run func(*sql.DB, *lone) error) error {
	if s.options.autocommits() {
		if err := s.admitsAlone(query); err != nil {
			return err
		}
	}
	for {
		from := s.factory.serving(ctx, s)
		if !s.options.ungated {
			if err := from.gate.pass(); err != nil {
				return err
			}
		}
		if err := from.refusesOuter(ctx, s); err != nil {
			return err
		}
		one := s.newLone(ctx, from, query, kind)
		err := run(from.db.DB, one)
		if err == nil {
			s.noteWrite(ctx)
			return nil
		}
		if !one.taken {
			if err = one.notTaken(err); !s.unreached(ctx, from, err) {
				return err
			}
			continue
		}
		if one.writes {
			return err // it may be stored
		}
		stale := s.elsewhere(ctx, from, one.reused, err) ||
			one.broken && one.reused && isUnavailable(err) && ctx.Err() == nil
		if !stale {
			return err
		}
	}
}

// queryAlone is runAlone for a result that the session follows.
func (s *Session) queryAlone(ctx context.Context, query string) (rows *sql.Rows, err error) {
	err = s.runAlone(ctx, query, aloneRows, func(db *sql.DB, one *lone) (err error) {
		rows, err = db.QueryContext(one, query) //nolint:sqlclosecheck // whoever asked closes it, and the session does
		if err == nil && one.open.Load() {
			one.rows = rows
			s.follow(&one.openRows)
		}
		return err
	})
	return rows, err
}

// queryRowAlone is runAlone for one row, which its Scan closes.
func (s *Session) queryRowAlone(ctx context.Context, query string) (row *sql.Row) {
	if err := s.runAlone(ctx, query, aloneRow, func(db *sql.DB, one *lone) error {
		row = db.QueryRowContext(one, query)
		return row.Err()
	}); err != nil {
		return failedRow(ctx, err) // row may be one of an earlier attempt
	}
	return row
}
