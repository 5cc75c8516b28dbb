package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

// statements are the prepared statements of one connection: the limit most
// recently used.
type statements struct {
	binder *binder
	limit  int
	byPlan map[*plan]*prepared
	// newest and oldest are the ends of the list in order of use.
	newest, oldest *prepared
	// direct is set once the connection is known to lead to one server
	// session, and not to a pooler that changes sessions between transactions.
	direct bool
}

// prepared is a statement that the engine keeps for a connection.
type prepared struct {
	engine.Stmt
	plan         *plan
	newer, older *prepared
	// busy is set while its rows are read.
	busy bool
}

func newStatements(b *binder, limit int) *statements {
	if b == nil || limit <= 0 {
		return nil
	}
	return &statements{binder: b, limit: limit, byPlan: make(map[*plan]*prepared)}
}

// get returns a plan's statement if there is one, as the newest.
func (s *statements) get(p *plan) *prepared {
	st := s.byPlan[p]
	if st != nil && s.newest != st {
		s.unlink(st)
		s.link(st)
	}
	return st
}

// put adds a statement, and returns the oldest when there are too many, for
// the caller to close.
func (s *statements) put(st *prepared) *prepared {
	s.byPlan[st.plan] = st
	s.link(st)
	if len(s.byPlan) <= s.limit {
		return nil
	}
	for old := s.oldest; old != st; old = old.newer {
		if !old.busy {
			s.drop(old)
			return old
		}
	}
	return nil
}

// drop forgets a statement.
func (s *statements) drop(st *prepared) {
	if s.byPlan[st.plan] != st {
		return
	}
	delete(s.byPlan, st.plan)
	s.unlink(st)
}

func (s *statements) link(st *prepared) {
	st.older, st.newer = s.newest, nil
	if s.newest != nil {
		s.newest.newer = st
	} else {
		s.oldest = st
	}
	s.newest = st
}

func (s *statements) unlink(st *prepared) {
	if st.newer != nil {
		st.newer.older = st.older
	} else {
		s.newest = st.older
	}
	if st.older != nil {
		st.older.newer = st.newer
	} else {
		s.oldest = st.newer
	}
	st.newer, st.older = nil, nil
}

// clear closes all; the connection ends.
func (s *statements) clear() {
	for _, st := range s.byPlan {
		_ = st.Close() // the connection's own end does it as well
	}
	s.byPlan, s.newest, s.oldest = nil, nil, nil
}

// bind returns the prepared statement for a query and its arguments, nil when
// it is to run as it is. In that case fresh, if not nil, is to be given to ran.
// An error is the statement's own.
func (c *conn) bind(ctx context.Context, query string, exec bool) (st *prepared, args []driver.NamedValue, fresh *scanner, err error) {
	s := c.statements
	if s == nil {
		return nil, nil, nil, nil
	}
	scanned := scan(c.engine(), query)
	if scanned == nil {
		return nil, nil, nil, nil
	}
	if exec && scanned.rows && c.engine() != SQLite {
		// MySQL's driver waits for descriptions of columns that MariaDB sends
		// only once. PostgreSQL keeps the result that nobody reads, and its
		// snapshot, until the transaction's next statement, which others wait
		// for, such as CREATE INDEX CONCURRENTLY.
		scanned.put()
		return nil, nil, nil, nil
	}
	found, ok, known := s.binder.find(scanned)
	if !known {
		return nil, nil, scanned, nil
	}
	scanned.put()
	if !ok {
		return nil, nil, nil, nil
	}
	if st, err = c.prepared(ctx, found); st == nil || st.busy {
		return nil, nil, nil, err
	}
	return st, found.args, nil, nil
}

// ran remembers a statement that bind had not seen before, once it ran.
func (c *conn) ran(fresh *scanner, err error) {
	if fresh == nil {
		return
	}
	if err == nil && c.statements != nil {
		c.statements.binder.add(fresh)
	}
	fresh.put()
}

// query runs a prepared query; its rows give it back.
func (st *prepared) query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := st.Query(ctx, args)
	if err == nil {
		st.busy = true
	}
	return rows, err
}

// prepared returns the statement of a plan, nil when there is none to be had.
// An error has cost the transaction.
func (c *conn) prepared(ctx context.Context, b bound) (*prepared, error) {
	s := c.statements
	if st := s.get(b.plan); st != nil {
		return st, nil
	}
	switch keeps, err := c.inner.KeepsStatements(ctx); {
	case err != nil && !c.refused(err):
		return nil, nil // it is asked again
	case !keeps:
		c.statements = nil
		return nil, nil
	}
	prepare := c.inner.Prepare
	fragile := c.inner.AbortsOnError() && c.inTx
	if fragile && !b.plan.proven.Load() {
		prepare, fragile = c.inner.PrepareInSavepoint, false
	}
	inner, err := prepare(ctx, b.plan.text)
	if err != nil {
		b.plan.proven.Store(false)
		if fragile {
			return nil, err
		}
		if c.refused(err) {
			b.shape.refused.Store(true)
		}
		return nil, nil
	}
	b.plan.proven.Store(true)
	st := &prepared{Stmt: inner, plan: b.plan}
	if old := s.put(st); old != nil {
		_ = old.Close() // what can't be closed ends with the connection
	}
	return st, nil
}

// refused tells what an engine says about a statement from what it says about
// the moment, such as a lock that it waited for or a transaction that failed
// before, and from a lost connection.
func (c *conn) refused(err error) bool {
	verdict := c.connector.judge(err)
	switch verdict.Kind {
	case ErrConflict, ErrTimeout, ErrUnavailable, ErrPendingRollback:
		return false
	}
	return verdict.Code != ""
}

// staleStatement tells the errors by which a server may refuse a statement that
// it once prepared because its table changed or somebody threw it away. It is
// prepared anew the next time. staleStatement reports that the statement can run
// as it is instead, which it can't when the error cost a transaction in which
// something was done already.
func (c *conn) staleStatement(ctx context.Context, st *prepared, err error) bool {
	if err == nil || !changed(err) {
		return false
	}
	c.statements.drop(st)
	st.plan.proven.Store(false)
	_ = st.Close() // it may be gone already
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "26000" {
		c.statements = nil // something throws them away
	}
	return !c.inTx || !c.inner.AbortsOnError() || c.beginAgain(ctx) == nil
}

func changed(err error) bool {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		// Class 42 is about names and types, class 22 about values. A column
		// that got another type does not fit the parameter that was made for
		// it, which is still read as what the column was.
		return pg.Code == "26000" || strings.HasPrefix(pg.Code, "42") || strings.HasPrefix(pg.Code, "22") || pg.Code == "0A000" && postgres.Judge(err).Kind == ErrConflict
	}
	my := (*mysql.MySQLError)(nil)
	return errors.As(err, &my) && (my.Number == 1243 || my.Number == 1615) // unknown, to be prepared again
}

// beginAgain begins a transaction anew in which nothing was done so far.
func (c *conn) beginAgain(ctx context.Context) error {
	if c.touched || len(c.levels) != 1 {
		return errBegun
	}
	err := c.inner.Restart(ctx)
	if err != nil {
		c.broken, c.lost = true, err // who knows what it is in now
	}
	return err
}

var errBegun = errors.New("dbmodule: begin again: something was done already")
