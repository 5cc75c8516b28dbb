package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
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
	driver.Stmt
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
func (c *conn) bind(ctx context.Context, query string) (st *prepared, args []driver.NamedValue, fresh *scanner) {
	s := c.statements
	if s == nil {
		return nil, nil, nil
	}
	scanned := scan(c.engine(), query)
	if scanned == nil {
		return nil, nil, nil
	}
	found, ok, known := s.binder.find(scanned)
	if !known {
		return nil, nil, scanned
	}
	scanned.put()
	if !ok {
		return nil, nil, nil
	}
	if st = c.prepared(ctx, found); st == nil || st.busy {
		return nil, nil, nil
	}
	return st, found.args, nil
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
	queryer, ok := st.Stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, errNoStatementContext
	}
	rows, err := queryer.QueryContext(ctx, args)
	if err == nil {
		st.busy = true
	}
	return rows, err
}

func (st *prepared) exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	execer, ok := st.Stmt.(driver.StmtExecContext)
	if !ok {
		return nil, errNoStatementContext
	}
	return execer.ExecContext(ctx, args)
}

var errNoStatementContext = errors.New("dbmodule: run statement: the driver takes no context")

// prepared returns the statement of a plan, nil when there is none to be had.
func (c *conn) prepared(ctx context.Context, b bound) *prepared {
	s := c.statements
	if st := s.get(b.plan); st != nil {
		return st
	}
	inner, err := c.prepareOnce(ctx, b.plan)
	if err != nil {
		if refusal(err) {
			b.shape.refused.Store(true)
		}
		return nil
	}
	if inner == nil {
		return nil
	}
	b.plan.proven.Store(true)
	st := &prepared{Stmt: inner, plan: b.plan}
	if old := s.put(st); old != nil {
		_ = old.Close() // what can't be closed ends with the connection
	}
	return st
}

// prepareOnce prepares a plan. A refusal must not cost the transaction, which
// PostgreSQL gives up on any error: what no connection has prepared yet is
// tried inside a savepoint.
func (c *conn) prepareOnce(ctx context.Context, p *plan) (st driver.Stmt, err error) {
	preparer, ok := c.Conn.(driver.ConnPrepareContext)
	if !ok || !c.leadsToOneSession(ctx) {
		c.statements = nil
		return nil, nil
	}
	if c.engine() != PostgreSQL || !c.inTx || p.proven.Load() {
		return preparer.PrepareContext(ctx, p.text)
	}
	execer, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, nil
	}
	if _, err := execer.ExecContext(ctx, "SAVEPOINT dbmodule_prepare", nil); err != nil {
		return nil, nil //nolint:nilerr // the statement itself will meet the same error
	}
	st, err = preparer.PrepareContext(ctx, p.text)
	end := "RELEASE SAVEPOINT dbmodule_prepare"
	if err != nil {
		end = "ROLLBACK TO SAVEPOINT dbmodule_prepare; " + end
	}
	if _, undo := execer.ExecContext(ctx, end, nil); undo != nil {
		return nil, errors.Join(err, undo)
	}
	return st, err
}

// leadsToOneSession tells a PostgreSQL server from a pooler in front of it,
// by the number of the process behind the connection: a pooler that hands
// sessions around has none to tell.
func (c *conn) leadsToOneSession(ctx context.Context) bool {
	s := c.statements
	if s.direct || c.engine() != PostgreSQL {
		return true
	}
	pg, ok := c.Conn.(*stdlib.Conn)
	if !ok {
		return false
	}
	rows, err := pg.QueryContext(ctx, "SELECT pg_backend_pid()", nil)
	if err != nil {
		return false
	}
	row := make([]driver.Value, 1)
	err = rows.Next(row)
	if closeErr := rows.Close(); err != nil && err != io.EOF || closeErr != nil { //nolint:errorlint // the protocol of driver.Rows
		return false
	}
	pid, ok := row[0].(int64)
	s.direct = ok && pid == int64(pg.Conn().PgConn().PID())
	return s.direct
}

// refusal tells an engine's answer from a connection's failure.
func refusal(err error) bool {
	var (
		pg   *pgconn.PgError
		my   *mysql.MySQLError
		lite *sqlite.Error
	)
	return errors.As(err, &pg) || errors.As(err, &my) || errors.As(err, &lite)
}

// outdated tells the errors by which a server refuses a statement that it once
// prepared, before it does anything: the table changed, or somebody threw the
// statement away. It is prepared anew the next time. Outside a transaction,
// which the error may have ended, outdated reports that the statement should
// run as it is.
func (c *conn) outdated(st *prepared, err error) bool {
	if err == nil {
		return false
	}
	pg, my := (*pgconn.PgError)(nil), (*mysql.MySQLError)(nil)
	switch {
	case errors.As(err, &pg):
		switch {
		case pg.Code == "26000":
			defer func() { c.statements = nil }() // something throws them away
		case pg.Code == "0A000" && errors.Is(classify(PostgreSQL, err), ErrConflict):
		default:
			return false
		}
	case errors.As(err, &my):
		if my.Number != 1243 && my.Number != 1615 { // unknown statement, has to be prepared again
			return false
		}
	default:
		return false
	}
	c.statements.drop(st)
	_ = st.Close() // it may be gone already
	return !c.inTx
}
