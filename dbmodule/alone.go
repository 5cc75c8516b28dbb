package dbmodule

import (
	"context"
	"database/sql"

	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// lone is a statement that runs by itself, a SELECT of a read-only session
// or any of an autocommitting one. The session has a connection for as long as the rows
// are read, and no longer: whatever else it does meanwhile, such as encoding and sending
// an answer, others need not wait for.
type lone struct {
	followed
	session *Session
	unit    observedUnit
	query   string
	held    heldConn
}

// String is who has the connection, if nobody else is named.
func (one *lone) String() string {
	return "the statement " + sqltext.Masked(dialectOf(one.session.factory.engine), one.query, longestUser)
}

// longestUser bounds the statement in an error about a full pool, in bytes.
const longestUser = 200

// giveBack ends the statement.
func (one *lone) giveBack() {
	_ = one.held.giveBack() // the statement is done, whatever becomes of its connection
	one.session.endUnit(&one.held, &one.unit)
}

// runAlone runs a statement that needs no connection beyond its result. One of a
// read-only session is repeated when the connection from the pool turns out to be
// stale. Whatever fails has given its connection back; otherwise run or the end of the
// result does.
func (s *Session) runAlone(ctx context.Context, query string, run func(*lone) error) error {
	if s.options.autocommits() {
		if err := s.admitsAlone(query); err != nil {
			return err
		}
	}
	for {
		one := &lone{session: s, query: query}
		user := s.options.owner
		if user == nil {
			user = one
		}
		err := s.take(ctx, &one.unit, user, &one.held)
		if err != nil {
			return err
		}
		one.call = sqlconn.Call{Caller: ctx, On: one.held.raw, Alone: s.options.autocommits()}
		from, reused := one.held.pool, one.held.lease.Reused()
		if err = run(one); err == nil {
			s.noteWrite(ctx)
			return nil
		}
		lost := one.held.raw.Broken()
		one.giveBack()
		if s.options.autocommits() {
			return err // it may be stored
		}
		stale := s.elsewhere(ctx, from, reused, err) || lost && reused && isUnavailable(err) && ctx.Err() == nil
		if !stale {
			return err
		}
	}
}

// execAlone is runAlone for a statement without a result.
func (s *Session) execAlone(ctx context.Context, query string) (result sql.Result, err error) {
	err = s.runAlone(ctx, query, func(one *lone) (err error) {
		result, err = one.held.conn.Conn.ExecContext(&one.call, query)
		if err == nil {
			one.giveBack()
		}
		return err
	})
	return result, err
}

// follows has the end of the result give the connection back.
func (one *lone) follows() *sqlconn.Call {
	one.call.Result, one.WhenClosed = &one.Result, one.giveBack
	return &one.call
}

// queryAlone is runAlone for a result of rows.
func (s *Session) queryAlone(ctx context.Context, query string) (rows *sql.Rows, err error) {
	err = s.runAlone(ctx, query, func(one *lone) (err error) {
		rows, err = one.held.conn.Conn.QueryContext(one.follows(), query) //nolint:sqlclosecheck // whoever asked closes it, and the session does
		if err == nil {
			one.rows = rows
			s.follow(&one.openRows)
		}
		return err
	})
	return rows, err
}

// queryRowAlone is runAlone for one row, which its Scan closes.
func (s *Session) queryRowAlone(ctx context.Context, query string) (row *sql.Row) {
	if err := s.runAlone(ctx, query, func(one *lone) error {
		one.ForRow()
		row = one.held.conn.Conn.QueryRowContext(one.follows(), query)
		if err := row.Err(); err != nil {
			return err
		}
		s.follow(&one.openRows)
		return nil
	}); err != nil {
		return failedRow(ctx, err) // row may be one of an earlier attempt
	}
	return row
}
