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
	// outdated is set when all are to be prepared again.
	outdated bool
	// retired are to be closed, one whenever another is prepared, where that costs
	// a trip to the server.
	retired []*entry
	late    bool
}

// preparedStatement is a statement that the engine keeps for a connection.
type preparedStatement struct {
	engine.Stmt
	// parameters are those of PostgreSQL.
	parameters prepared.Parameters
	// args is memory for the values of the next run.
	args []driver.NamedValue
}

// mostKept is how many values' memory a statement keeps.
const mostKept = 32

type entry = prepared.Entry[preparedStatement]

// newStatements returns nil if a connection is to keep none.
func newStatements(shapes *prepared.Shapes, limit int, late bool) *statements {
	if limit <= 0 {
		return nil
	}
	return &statements{shapes: shapes, cache: prepared.NewCache[preparedStatement](limit), late: late}
}

func (s *statements) outdate() {
	if s != nil {
		s.outdated = true
	}
}

// renew forgets what was prepared for another schema or other settings.
func (s *statements) renew() {
	s.close(s.cache.Renew(s.shapes.Schema())...)
	if s.outdated {
		s.outdated = false
		s.close(s.cache.Clear()...)
	}
}

// close closes statements. A server that answers to that is told when there is
// something else to tell.
func (s *statements) close(all ...*entry) {
	for _, e := range all {
		if s.late {
			s.retired = append(s.retired, e)
			continue
		}
		_ = e.Statement.Close() // what can't be closed ends with the connection
	}
}

// closeRetired closes one of those that wait.
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
	// entry is nil for one that runs as text.
	entry *entry
	args  []driver.NamedValue
	// recognised is set for one that is to be prepared the next time.
	recognised *prepared.Statement
}

// plan decides how a statement is run, whose text was made so. with is set for one that has arguments, exec
// for one whose rows nobody wants. An error is the statement's own. Otherwise the
// caller calls ranAsText if it ran so.
func (c *Conn) plan(ctx context.Context, query string, made prepared.Made, with, exec bool) (run execution, err error) {
	run = execution{conn: c, query: query}
	var st *prepared.Statement
	if !with {
		st = made.Recognise(c.connector.Dialect, query)
	}
	if st == nil {
		c.affects(query)
		if !exec {
			c.learn(ctx)
		}
		return run, nil
	}
	if exec && st.ReturnsRows() && !c.inner.DiscardsRows() {
		// MySQL's driver waits for descriptions of columns that MariaDB sends
		// only once. PostgreSQL keeps the result that nobody reads, and its
		// snapshot, until the transaction's next statement, which others wait
		// for, such as CREATE INDEX CONCURRENTLY.
		st.Release()
		return run, nil
	}
	c.learn(ctx)
	shapes := c.connector.Shapes
	if c.statements == nil || !c.readsAlike() || shapes.Changing() {
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
	if len(run.args) <= mostKept {
		e.Statement.args = run.args[:0]
	}
	return run, nil
}

// ranAsText notes what came of it.
func (run *execution) ranAsText(err error) {
	if run.recognised != nil {
		if err == nil {
			run.conn.connector.Shapes.Add(run.recognised)
		}
		run.recognised.Release()
		return
	}
	run.conn.affected(run.query)
}

// freed is called when the rows of a prepared statement are closed.
func (c *Conn) freed(e *entry) {
	if e == nil {
		return
	}
	kept := e.Statement.args
	clear(kept[:cap(kept)]) // the values may be large
	if e.Free() && c.statements != nil {
		c.statements.close(e)
	}
}

// learn asks for the session behind the connection before its first query. Where a
// pooler hands sessions around, nothing is prepared.
func (c *Conn) learn(ctx context.Context) {
	if c.learnt {
		return
	}
	keeps, err := c.inner.KeepsStatements(ctx)
	if err != nil && !c.refused(err) {
		return // it is asked again
	}
	if c.learnt = true; !keeps {
		c.statements = nil
	}
}

// readsAlike reports whether values are read as they were when statements were
// prepared. A setting that changed out of sight, in a function say, is noticed here.
func (c *Conn) readsAlike() bool {
	if !c.changes.asText && c.inner.SettingsChanged() {
		c.changes.asText, c.changes.settings = true, true
	}
	return !c.changes.asText
}

// prepared returns the statement of a shape, nil when there is none to be had.
// An error has cost the transaction.
func (c *Conn) prepared(ctx context.Context, shape *prepared.Shape) (*entry, error) {
	s, now := c.statements, time.Now()
	s.renew()
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
		if c.refused(err) {
			s.shapes.Refuse(shape)
		}
		if c.inner.AbortsOnError() && c.state.InTx() {
			return nil, err // as text it would have failed too
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

// refused tells what an engine says about a statement from what it says about
// the moment, such as a lock that it waited for or a transaction that failed
// before, and from a lost connection.
func (c *Conn) refused(err error) bool {
	verdict := c.connector.Judge(err)
	for _, momentary := range [...]error{dberr.ErrConflict, dberr.ErrTimeout, dberr.ErrUnavailable, dberr.ErrPendingRollback} {
		if errors.Is(verdict.Kind, momentary) {
			return false
		}
	}
	return verdict.Code != ""
}

// stale tells the errors by which a server may refuse a statement that it once
// prepared because its table changed or somebody threw it away. It is prepared anew
// the next time. stale reports that the statement can run as text instead, which it
// can't when the error cost a transaction in which something was done already.
func (c *Conn) stale(ctx context.Context, e *entry, err error) bool {
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

// beginAgain begins a transaction anew in which nothing was done so far.
func (c *Conn) beginAgain(ctx context.Context) error {
	if !c.state.Fresh() {
		return errBegun
	}
	err := c.inner.Restart(ctx)
	if err != nil {
		c.broken = true // who knows what it is in now
		c.state.Failed(err, true)
	}
	return err
}

var errBegun = errors.New("dbmodule: begin again: something was done already")
