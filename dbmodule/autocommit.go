package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

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
// pool, where BEGIN would have detected it: see DATABASE_POOL_PRE_PING. On a server it happens
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
