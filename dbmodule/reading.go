package dbmodule

import (
	"context"
	"database/sql"
	"time"
)

// reading is a statement that runs by itself, a SELECT of a read-only session
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
type reading struct {
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

func (r *reading) Done() <-chan struct{} {
	switch {
	case !r.taken:
		return r.takeContext.Done()
	case r.kind != aloneRows:
		return r.caller.Done()
	default:
		return nil
	}
}

func (r *reading) Err() error {
	switch {
	case !r.taken:
		return r.takeContext.Err()
	case r.kind != aloneRows:
		return r.caller.Err()
	default:
		return nil
	}
}

func (r *reading) Deadline() (deadline time.Time, ok bool) {
	switch {
	case !r.taken:
		return r.takeContext.Deadline()
	case r.kind != aloneRows:
		return r.caller.Deadline()
	default:
		return time.Time{}, false
	}
}

func (r *reading) Value(key any) any {
	if r.taken {
		return r.caller.Value(key)
	}
	return r.takeContext.Value(key)
}

// newReading begins a unit of work for one statement.
func (s *Session) newReading(ctx context.Context, from *pool, query string, kind alone) *reading {
	r := &reading{
		takeContext: takeContext{caller: ctx, timeout: from.timeout},
		holder:      holder{pool: from, session: s.id, user: s.options.owner},
		query:       query,
		unit:        observedUnit{outcome: OutcomeNone, UnitOfWork: s.unitOfWork(from)},
		kind:        kind,
		writes:      !s.options.readOnly,
	}
	if r.user == nil {
		r.user = r
	}
	tellSessionUsed(ctx, s.id)
	if len(from.observers) > 0 && !unobserved(ctx) {
		r.unit.ctx = from.observers.unitBegan(ctx, r.unit.UnitOfWork)
		r.began = time.Now()
	}
	return r
}

// String is who has the connection, if nobody else is named.
func (r *reading) String() string {
	return "the statement " + statementWithoutValues(r.unit.Engine, r.query, longestUser)
}

// longestUser bounds the statement in an error about a full pool, in bytes.
const longestUser = 200

// got is called by the connection that is about to run the statement. It
// returns the context that counts for that: the caller's.
func (r *reading) got(c *conn) context.Context {
	if r.taken {
		return r.caller // prepared first, as drivers may want
	}
	r.end() // the wait, and its timer
	r.taken = true
	r.open.Store(true)
	c.unit, c.reading = &r.unit, r
	r.since = time.Now()
	r.pool.add(&r.holder)
	if r.unit.ctx != nil {
		r.pool.observers.acquired(r.unit.ctx, Acquisition{Pool: r.pool.name, Took: r.since.Sub(r.began)})
	}
	return r.caller
}

// answered notes what the connection has become by the statement, and marks an
// error that leaves open what is stored.
func (r *reading) answered(c *conn, err error) error {
	r.broken, r.reused = c.broken, c.reused
	if r.writes {
		return c.unsettled(err)
	}
	return err
}

// givenBack is called when the pool has the connection again.
func (r *reading) givenBack() {
	r.pool.remove(&r.holder)
	if r.unit.ctx != nil {
		r.pool.observers.unitEnded(r.unit.ctx, UnitEnd{UnitOfWork: r.unit.UnitOfWork, Outcome: OutcomeNone, Held: time.Since(r.since)})
	}
	r.open.Store(false)
}

// notTaken ends a unit of work that got no connection.
func (r *reading) notTaken(err error) error {
	r.end()
	err = r.pool.notTaken(r.caller, err)
	if r.unit.ctx != nil {
		r.pool.observers.acquired(r.unit.ctx, Acquisition{Pool: r.pool.name, Took: time.Since(r.began), Err: err})
		r.pool.observers.unitEnded(r.unit.ctx, UnitEnd{UnitOfWork: r.unit.UnitOfWork, Outcome: OutcomeNone, Err: err})
	}
	return err
}

// runAlone runs a statement that needs no connection beyond its result. One of a
// read-only session is repeated when the connection from the pool turns out to be
// stale.
func (s *Session) runAlone(ctx context.Context, query string, kind alone, run func(*sql.DB, *reading) error) error {
	if s.options.autocommits() {
		if err := refusesControl(query); err != nil {
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
		r := s.newReading(ctx, from, query, kind)
		err := run(from.db.DB, r)
		if err == nil {
			s.mark(ctx)
			return nil
		}
		if !r.taken {
			if err = r.notTaken(err); !s.unreached(ctx, from.replica, err) {
				return err
			}
			continue
		}
		if r.writes {
			return err // it may be stored
		}
		stale := s.elsewhere(ctx, from.replica, r.reused, err) ||
			r.broken && r.reused && isUnavailable(err) && ctx.Err() == nil
		if !stale {
			return err
		}
	}
}

// queryAlone is runAlone for a result that the session follows.
func (s *Session) queryAlone(ctx context.Context, query string) (rows *sql.Rows, err error) {
	err = s.runAlone(ctx, query, aloneRows, func(db *sql.DB, r *reading) (err error) {
		rows, err = db.QueryContext(r, query) //nolint:sqlclosecheck // whoever asked closes it, and the session does
		if err == nil && r.open.Load() {
			r.rows = rows
			s.follow(&r.openRows)
		}
		return err
	})
	return rows, err
}

// queryRowAlone is runAlone for one row, which its Scan closes.
func (s *Session) queryRowAlone(ctx context.Context, query string) (row *sql.Row) {
	if err := s.runAlone(ctx, query, aloneRow, func(db *sql.DB, r *reading) error {
		row = db.QueryRowContext(r, query)
		return row.Err()
	}); err != nil {
		return failedRow(ctx, err) // row may be one of an earlier attempt
	}
	return row
}
