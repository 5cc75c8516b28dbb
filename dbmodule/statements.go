package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"

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
// An error has cost the transaction.
func (c *conn) prepared(ctx context.Context, b bound) (*prepared, error) {
	s := c.statements
	if st := s.get(b.plan); st != nil {
		return st, nil
	}
	if err := c.beginAhead(ctx); err != nil {
		return nil, err
	}
	preparer, ok := c.Conn.(driver.ConnPrepareContext)
	if !ok {
		c.statements = nil
		return nil, nil
	}
	switch direct, err := c.leadsToOneSession(ctx); {
	case err != nil && !refused(c.engine(), err):
		return nil, nil // it is asked again
	case !direct:
		c.statements = nil
		return nil, nil
	}
	prepare := preparer.PrepareContext
	fragile := c.engine() == PostgreSQL && c.inTx
	if fragile && !b.plan.proven.Load() {
		prepare, fragile = c.prepareWithin, false
	}
	inner, err := prepare(ctx, b.plan.text)
	if err != nil {
		b.plan.proven.Store(false)
		if fragile {
			return nil, err
		}
		if refused(c.engine(), err) {
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

// prepareWithin prepares inside a savepoint, since PostgreSQL gives the
// transaction up on any error. It is for what no connection has prepared yet.
func (c *conn) prepareWithin(ctx context.Context, query string) (driver.Stmt, error) {
	pg, ok := c.Conn.(*stdlib.Conn)
	if !ok {
		return nil, errNoStatementContext
	}
	if _, err := pg.ExecContext(ctx, "SAVEPOINT dbmodule_prepare", nil); err != nil {
		return nil, err
	}
	st, err := pg.PrepareContext(ctx, query)
	if err != nil {
		_, undo := pg.ExecContext(ctx, "ROLLBACK TO SAVEPOINT dbmodule_prepare", nil)
		err = errors.Join(err, undo)
	}
	_, release := pg.ExecContext(ctx, "RELEASE SAVEPOINT dbmodule_prepare", nil)
	return st, errors.Join(err, release)
}

// leadsToOneSession tells a PostgreSQL server from a pooler in front of it,
// by the number of the process behind the connection: a pooler that hands
// sessions around has none to tell.
func (c *conn) leadsToOneSession(ctx context.Context) (bool, error) {
	s := c.statements
	if s.direct || c.engine() != PostgreSQL {
		return true, nil
	}
	pg, ok := c.Conn.(*stdlib.Conn)
	if !ok {
		return false, nil
	}
	rows, err := pg.QueryContext(ctx, "SELECT pg_backend_pid()", nil)
	if err != nil {
		return false, err
	}
	row := make([]driver.Value, 1)
	err = rows.Next(row)
	if closeErr := rows.Close(); err != nil && err != io.EOF || closeErr != nil { //nolint:errorlint // the protocol of driver.Rows
		return false, errors.Join(err, closeErr)
	}
	pid, ok := row[0].(int64)
	s.direct = ok && pid == int64(pg.Conn().PgConn().PID())
	return s.direct, nil
}

// refused tells what an engine says about a statement from what it says about
// the moment, such as a lock that it waited for or a transaction that failed
// before, and from a lost connection.
func refused(engine Engine, err error) bool {
	var (
		pg   *pgconn.PgError
		my   *mysql.MySQLError
		lite *sqlite.Error
	)
	if !errors.As(err, &pg) && !errors.As(err, &my) && !errors.As(err, &lite) {
		return false
	}
	typed := classify(engine, err)
	return !errors.Is(typed, ErrConflict) && !errors.Is(typed, ErrTimeout) && !errors.Is(typed, ErrUnavailable) && !errors.Is(typed, ErrPendingRollback)
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
	return !c.inTx || c.engine() == MySQL || c.beginAgain(ctx) == nil
}

func changed(err error) bool {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		// Class 42 is about names and types, class 22 about values. A column
		// that got another type does not fit the parameter that was made for
		// it, which is still read as what the column was.
		return pg.Code == "26000" || strings.HasPrefix(pg.Code, "42") || strings.HasPrefix(pg.Code, "22") || errors.Is(classify(PostgreSQL, err), ErrConflict) && pg.Code == "0A000"
	}
	my := (*mysql.MySQLError)(nil)
	return errors.As(err, &my) && (my.Number == 1243 || my.Number == 1615) // unknown, to be prepared again
}

// beginAgain begins a transaction anew in which nothing was done so far.
func (c *conn) beginAgain(ctx context.Context) error {
	pg, ok := c.Conn.(*stdlib.Conn)
	if !ok || c.touched || len(c.levels) != 1 {
		return errBegun
	}
	begin, err := beginText(c.isolation, c.readOnly)
	if err != nil {
		return err
	}
	for _, statement := range [...]string{"ROLLBACK", begin} {
		if _, err := pg.ExecContext(ctx, statement, nil); err != nil {
			c.broken, c.lost = true, err // who knows what it is in now
			return err
		}
	}
	return nil
}

var errBegun = errors.New("dbmodule: begin again: something was done already")
