package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Autocommit makes a session without a transaction: SQLAlchemy's isolation
// level AUTOCOMMIT. Each statement is stored when it succeeds. It costs one round
// trip to the server; a transaction costs two on PostgreSQL and three on MySQL. Use
// it for units of work of one statement. A later failure does not undo the
// statement, not even an HTTP handler's error.
//
// Commit only runs the after-commit hooks; Rollback and Close only drop them.
// Savepoints are refused. So are BEGIN and similar statements as text, and
// Autocommit in [SessionFactory.InTx]. A statement of one of Bun's builders, or of
// [Session.ExecContext], holds a connection only until it is done. A query as text
// holds it until the session ends, and all later statements use it.
//
// A statement whose connection is lost before it is answered returns
// [ErrCommitUnknown]. This also happens when a connection went stale in the
// pool, where BEGIN would have detected it: see DATABASE_POOL_PRE_PING. It happens
// too when the statement's context ends, or its time limit, before the answer comes. On SQLite
// each statement waits for the disk by itself; concurrent units of work with a
// transaction share this wait (see DATABASE_GROUP_COMMIT).
//
// Autocommit does not change read-only sessions.
func Autocommit() SessionOption { return func(o *sessionOptions) { o.autocommit = true } }

func (o sessionOptions) autocommits() bool { return o.autocommit && !o.readOnly }

// errAutocommit refuses what needs a transaction.
var errAutocommit = errors.New("the session is made with Autocommit and has no transaction")

// admitsAutocommit returns nil if a session with Autocommit may run a statement now. It
// refuses statements while rows are open, even if another connection could run them: on
// SQLite there is no other connection that writes.
func (s *Session) admitsAutocommit(query string) error {
	if s.results.open() {
		return fmt.Errorf("dbmodule: run statement: %w", ErrRowsOpen)
	}
	return refusesControl(s.factory.dialect, query)
}

// refusesControl refuses statements that begin or end a transaction: the connection's next
// user would be inside that transaction.
func refusesControl(dialect sqltext.Dialect, query string) error {
	word := sqltext.FirstWord(dialect, query)
	for _, control := range [...]string{"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"} {
		if strings.EqualFold(word, control) {
			return fmt.Errorf("dbmodule: %s as a statement: %w", control, errAutocommit)
		}
	}
	return nil
}

// autocommitHeld runs a statement on the session's connection. If the session had none
// before, the connection is released after the statement.
func (s *Session) autocommitHeld(ctx context.Context, query string, run func(*sqlconn.Call) error) error {
	if err := s.admitsAutocommit(query); err != nil {
		return err
	}
	had := s.held != nil
	if err := s.ensureConn(ctx); err != nil {
		return err
	}
	err := run(&sqlconn.Call{Caller: ctx, On: s.held.raw, Autocommit: true})
	if err == nil {
		s.noteWrite(ctx)
	}
	if !had {
		_ = s.release() // the statement is done; the pool drops a connection that fails
	}
	return err
}

// execHeld is autocommitHeld for a statement without a result.
func (s *Session) execHeld(ctx context.Context, query string, run func(context.Context, bun.Conn) (sql.Result, error)) (result sql.Result, err error) {
	err = s.autocommitHeld(ctx, query, func(call *sqlconn.Call) (err error) {
		result, err = run(call, s.held.conn)
		return err
	})
	return result, err
}

// readAutocommit runs a query on the session's connection, which the session then keeps.
func (s *Session) readAutocommit(ctx context.Context, query string, run func() error) error {
	if err := s.admitsAutocommit(query); err != nil {
		return err
	}
	if err := s.ensureConn(ctx); err != nil {
		return err
	}
	err := run()
	if err == nil {
		s.noteWrite(ctx)
	}
	return err
}

// lone is a statement that runs without a transaction, on a connection of its own. It holds
// the connection only until its rows are closed. So nobody waits while the session's user
// does something else, such as sending a response.
type lone struct {
	followed
	session *Session
	unit    observedUnit
	query   string
	held    heldConn
}

// String is the user of the connection in errors, if the session has no [Owner].
func (one *lone) String() string {
	return "the statement " + sqltext.Masked(one.session.factory.dialect, one.query, longestUser)
}

// longestUser limits the statement in an error about a full pool, in bytes.
const longestUser = 200

// ResultClosed releases the connection.
func (one *lone) ResultClosed() { one.release() }

func (one *lone) release() {
	_ = one.held.release() // the statement is done; the pool drops a connection that fails
	one.session.endUnit(&one.held, &one.unit)
}

// runAlone runs a statement on a connection of its own. In a read-only session it runs the
// statement again if the connection had lost its server while it was idle in the pool. After
// an error the connection is released. Otherwise run releases it, or the end of the result.
func (s *Session) runAlone(ctx context.Context, query string, run func(*lone) error) error {
	if s.options.autocommits() {
		if err := s.admitsAutocommit(query); err != nil {
			return err
		}
	}
	for {
		one := &lone{session: s, query: query}
		user := s.options.owner
		if user == nil {
			user = one
		}
		err := s.acquire(ctx, &one.unit, user, &one.held)
		if err != nil {
			return err
		}
		one.call = sqlconn.Call{Caller: ctx, On: one.held.raw, Autocommit: s.options.autocommits()}
		from, reused := one.held.pool, one.held.lease.Reused()
		if err = run(one); err == nil {
			s.noteWrite(ctx)
			return nil
		}
		lost := one.held.raw.Broken()
		one.release()
		if s.options.autocommits() {
			return err // it may be stored
		}
		if !s.retriesOnPrimary(ctx, from, reused, err) && !(lost && isStale(ctx, reused, err)) {
			return err
		}
	}
}

// execAlone is runAlone for a statement without a result.
func (s *Session) execAlone(ctx context.Context, query string, origin prepared.Origin) (result sql.Result, err error) {
	err = s.runAlone(ctx, query, func(one *lone) (err error) {
		one.call.Origin = origin
		result, err = one.held.conn.Conn.ExecContext(&one.call, query)
		if err == nil {
			one.release()
		}
		return err
	})
	return result, err
}

// follows makes the call of a query, whose end releases the connection.
func (one *lone) follows() *sqlconn.Call {
	one.call.Result, one.User = &one.Result, one
	return &one.call
}

// queryAlone is runAlone for a result of rows.
func (s *Session) queryAlone(ctx context.Context, query string) (rows *sql.Rows, err error) {
	err = s.runAlone(ctx, query, func(one *lone) (err error) {
		rows, err = one.held.conn.Conn.QueryContext(one.follows(), query) //nolint:sqlclosecheck // whoever asked closes it, and the session does
		if err == nil {
			one.rows = rows
			s.results.follow(&one.openRows)
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
		s.results.follow(&one.openRows)
		return nil
	}); err != nil {
		return failedRow(ctx, err) // row may be one of an earlier attempt
	}
	return row
}
