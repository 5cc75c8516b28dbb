package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/prepared"
)

// statements are the prepared statements of one connection.
type statements struct {
	shapes *prepared.Shapes
	cache  *prepared.Cache[preparedStatement]
	// outdated is set when all statements have to be prepared again.
	outdated bool
	// closesLate is set if closing a statement costs a round trip to the server. Statements
	// to close then wait in retired, and one of them is closed with each that is prepared.
	closesLate bool
	retired    []*entry
}

// preparedStatement is a statement that the engine keeps for a connection.
type preparedStatement struct {
	engine.Stmt
	// parameters are the types of its parameters on PostgreSQL.
	parameters prepared.Parameters
	// args is memory for the values of the next run.
	args []driver.NamedValue
}

// mostArgs bounds the memory for values that a statement keeps.
const mostArgs = 32

type entry = prepared.Entry[preparedStatement]

// newStatements returns nil for limit 0: the connection keeps no statements.
func newStatements(shapes *prepared.Shapes, limit int, closesLate bool) *statements {
	if limit <= 0 {
		return nil
	}
	return &statements{shapes: shapes, cache: prepared.NewCache[preparedStatement](limit), closesLate: closesLate}
}

// prepareAllAgain has all statements prepared again before they run.
func (s *statements) prepareAllAgain() {
	if s != nil {
		s.outdated = true
	}
}

// dropOutdated drops the statements that were prepared for another schema or other settings.
func (s *statements) dropOutdated() {
	s.close(s.cache.Renew(s.shapes.Schema())...)
	if s.outdated {
		s.outdated = false
		s.close(s.cache.Clear()...)
	}
}

// close closes statements, or retires them.
func (s *statements) close(all ...*entry) {
	for _, e := range all {
		if s.closesLate {
			s.retired = append(s.retired, e)
			continue
		}
		_ = e.Statement.Close() // what can't be closed ends with the connection
	}
}

// closeRetired closes one retired statement.
func (s *statements) closeRetired() {
	if n := len(s.retired); n > 0 {
		e := s.retired[n-1]
		s.retired[n-1], s.retired = nil, s.retired[:n-1]
		_ = e.Statement.Close()
	}
}

// execution is how a statement is run: prepared, or as text.
type execution struct {
	conn  *Conn
	query string
	// entry is the prepared statement, and args its values. entry is nil for a statement
	// that runs as text.
	entry *entry
	args  []driver.NamedValue
	// recognised is set for a statement that runs as text now and may be prepared the next
	// time.
	recognised *prepared.Statement
}

// plan decides how a statement is run. origin says how its text was written, hasArgs whether
// it has arguments, and exec whether its rows are not wanted. An error is the statement's
// error. Otherwise the caller runs the statement, and calls ranAsText if it ran as text.
func (c *Conn) plan(ctx context.Context, query string, origin prepared.Origin, hasArgs, exec bool) (run execution, err error) {
	run = execution{conn: c, query: query}
	var st *prepared.Statement
	if !hasArgs {
		st = origin.Recognise(c.connector.Dialect, query)
	}
	if st == nil {
		c.noteEffects(query)
		if !exec {
			err = c.checkPooler(ctx)
		}
		return run, err
	}
	if exec && st.ReturnsRows() && !c.inner.DiscardsRows() {
		// MySQL's driver waits for descriptions of columns that MariaDB sends only once.
		// PostgreSQL keeps the unread result and its snapshot until the transaction's next
		// statement, and CREATE INDEX CONCURRENTLY of others waits for that.
		st.Release()
		return run, nil
	}
	if err := c.checkPooler(ctx); err != nil {
		st.Release()
		return run, err
	}
	shapes := c.connector.Shapes
	if c.statements == nil || !c.poolerChecked || !c.readsAlike() || shapes.Changing() {
		st.Release()
		return run, nil
	}
	shape := shapes.Find(st)
	if shape == nil {
		run.recognised = st
		return run, nil
	}
	defer st.Release()
	if shapes.Refused(shape) {
		return run, nil
	}
	e, err := c.prepared(ctx, shape)
	if e == nil || !e.Statement.parameters.Admit(st) || !e.Use() {
		return run, err
	}
	run.entry, run.args = e, st.Arguments(e.Statement.args)
	if len(run.args) <= mostArgs {
		e.Statement.args = run.args[:0]
	}
	return run, nil
}

// ranAsText notes the result of a statement that ran as text.
func (run *execution) ranAsText(err error) {
	if run.recognised != nil {
		if err == nil {
			run.conn.connector.Shapes.Add(run.recognised)
		}
		run.recognised.Release()
		return
	}
	run.conn.noteRan(run.query)
}

// freeStatement is called when a prepared statement has run and its rows are closed; nil is
// none.
func (c *Conn) freeStatement(e *entry) {
	if e == nil {
		return
	}
	kept := e.Statement.args
	clear(kept[:cap(kept)]) // the values may be large
	if e.Free() && c.statements != nil {
		c.statements.close(e)
	}
}

// checkPooler asks once, before the connection's first query, whether a pooler stands
// before the server. A pooler may run the next transaction in another server session, which
// does not have the prepared statements: then nothing is prepared. If the answer fails for a
// cause that passes, the next query asks again, and nothing is prepared until then. An error
// has cost the connection.
func (c *Conn) checkPooler(ctx context.Context) error {
	if c.poolerChecked {
		return nil
	}
	keeps, err := c.inner.KeepsStatements(ctx)
	if err != nil && !c.isLasting(err) {
		if c.inner.Valid() {
			return nil
		}
		return err
	}
	if c.poolerChecked = true; !keeps {
		c.statements = nil
	}
	return nil
}

// readsAlike reports whether the session still reads values as it did when its statements
// were prepared. Here it is noticed if a function has changed a setting.
func (c *Conn) readsAlike() bool {
	if !c.changes.asText && c.inner.SettingsChanged() {
		c.changes.asText, c.changes.settings = true, true
	}
	return !c.changes.asText
}

// prepared returns the prepared statement of a shape, or prepares it. It returns nil if the
// statement can't be prepared, and an error if that has cost the transaction.
func (c *Conn) prepared(ctx context.Context, shape *prepared.Shape) (*entry, error) {
	s, now := c.statements, time.Now()
	s.dropOutdated()
	e, expired := s.cache.Get(shape, now)
	if e != nil {
		return e, nil
	}
	if expired != nil {
		s.close(expired)
	}
	s.closeRetired()
	inner, types, err := c.inner.PrepareOwn(ctx, shape.Text)
	if err != nil {
		if c.isLasting(err) {
			s.shapes.Refuse(shape)
		}
		if c.state.InTx() && (c.inner.AbortsOnError() || c.connector.Judge(err).LosesTransaction) {
			// The text would have failed, too. Or the database has rolled the transaction back, as Galera
			// does for another node: then the text would be stored by itself.
			return nil, err
		}
		return nil, nil
	}
	made := preparedStatement{Stmt: inner}
	var ok bool
	if made.parameters, ok = prepared.ParametersOf(types); !ok {
		s.shapes.Refuse(shape)
		_ = made.Close() // what can't be closed ends with the connection
		return nil, nil
	}
	e, evicted := s.cache.Put(shape, made, now)
	if evicted != nil {
		s.close(evicted)
	}
	return e, nil
}

// isLasting reports whether the engine would return the error each time: not if the cause
// passes, such as a lock, a transaction that failed before or a lost connection.
func (c *Conn) isLasting(err error) bool {
	verdict := c.connector.Judge(err)
	for _, momentary := range [...]error{dberr.ErrConflict, dberr.ErrTimeout, dberr.ErrUnavailable, dberr.ErrPendingRollback} {
		if errors.Is(verdict.Kind, momentary) {
			return false
		}
	}
	return verdict.Code != ""
}

// runsAgainAsText handles the error of a prepared statement that the server may refuse
// because the statement is outdated: its table has changed, or somebody has deallocated it.
// Such a statement is dropped and prepared again the next time. runsAgainAsText reports
// whether the caller should run the statement as text now. It does not if the error has cost
// a transaction in which something was done before.
func (c *Conn) runsAgainAsText(ctx context.Context, e *entry, err error) bool {
	if err == nil {
		return false
	}
	outdated := c.connector.Judge(err).Outdated
	if outdated == engine.NoneOutdated {
		return false
	}
	e.Free()
	if outdated == engine.AllOutdated {
		c.statements.cache.Clear()
	} else {
		c.statements.cache.Drop(e)
		c.statements.close(e)
	}
	return !c.state.InTx() || !c.inner.AbortsOnError() || c.beginAgain(ctx) == nil
}

// beginAgain begins the transaction again if nothing was done in it so far.
func (c *Conn) beginAgain(ctx context.Context) error {
	if !c.state.Fresh() {
		return errBegun
	}
	err := c.inner.Restart(ctx)
	if err != nil {
		c.broken = true // the state of its transaction is not known
		c.state.Failed(err, true)
	}
	return err
}

var errBegun = errors.New("dbmodule: begin again: something was done already")
