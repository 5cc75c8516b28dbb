package dbmodule

import (
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// tx is a transaction of a conn.
type tx struct {
	driver.Tx
	conn *conn
	// limit bounds COMMIT and ROLLBACK; its caller is the context that BeginTx
	// was given.
	limit *limit
}

// Commit answers nil only for a transaction that is stored whole. A
// transaction that lost statements is rolled back instead; a commit whose
// reply did not arrive is [ErrCommitUnknown], or [ErrUnavailable] when the
// transaction could not write.
func (t *tx) Commit() error {
	if pending := t.conn.pending(); pending != nil {
		return errors.Join(pending, t.Rollback())
	}
	if err := t.limit.caller.Err(); err != nil {
		return errors.Join(fmt.Errorf("dbmodule: commit: %w", err), t.Rollback())
	}
	defer t.limit.end()
	t.limit.start(0)
	err := t.send("COMMIT", t.Tx.Commit)
	if err == nil {
		t.conn.end()
		return nil
	}
	if t.definite(err) {
		defer t.conn.end()
		if t.conn.engine() == SQLite {
			// SQLite keeps a transaction open whose COMMIT it refused. The
			// error says "no transaction is active" where it did not.
			_ = t.Tx.Rollback()
		}
		return t.conn.typed(err)
	}
	kind := ErrCommitUnknown
	if t.conn.readOnly {
		kind = ErrUnavailable // whatever came of it, nothing is stored
	}
	t.conn.broken = true
	t.conn.end()
	cause := withoutBadConn(err)
	if t.limit.late() {
		cause = t.limit.explain(t.conn.engine(), err)
	}
	return &Error{Kind: kind, Engine: t.conn.engine(), cause: cause}
}

// send ends the transaction. MySQL's driver gives Commit and Rollback no
// context, so that a stalled server would hold them for ever: the statements
// have one.
func (t *tx) send(statement string, method func() error) error {
	if t.conn.engine() == MySQL {
		if execer, ok := t.conn.Conn.(driver.ExecerContext); ok {
			_, err := execer.ExecContext(t.limit.ctx, statement, nil)
			return err
		}
	}
	return method()
}

// definite tells a refusal by the database, after which nothing is stored,
// from an answer that did not come.
func (t *tx) definite(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		switch {
		case pg.Code == "40003", len(pg.Code) == 5 && pg.Code[:2] == "08", len(pg.Code) == 5 && pg.Code[:3] == "57P":
			return false // the backend ended before it could say
		}
		return true
	}
	if my := (*mysql.MySQLError)(nil); errors.As(err, &my) {
		switch my.Number {
		case 1053, 1317: // shutdown, interrupted
			return false
		}
		// Classification tells the errors during COMMIT (1180) apart.
		return !errors.Is(classify(t.conn.engine(), err), ErrCommitUnknown)
	}
	if lite := (*sqlite.Error)(nil); errors.As(err, &lite) {
		return lite.Code()&0xff != sqlite3.SQLITE_IOERR
	}
	return false
}

// Rollback ends the transaction. A connection on which that fails is dropped,
// which makes the server roll back; the error is only worth telling where the
// connection seemed healthy.
func (t *tx) Rollback() error {
	gone := t.conn.broken || t.conn.lost != nil && t.conn.engine() == SQLite
	defer t.conn.end()
	defer t.limit.end()
	t.limit.start(settleTimeout)
	err := t.send("ROLLBACK", t.Tx.Rollback)
	if err == nil || gone && t.conn.engine() == SQLite {
		return nil
	}
	gone = gone || !t.conn.IsValid() || t.limit.ctx.Err() != nil
	t.conn.broken = true
	err = classify(t.conn.engine(), withoutBadConn(err))
	if gone || errors.Is(err, errConnLost) || errors.Is(err, ErrUnavailable) {
		return nil
	}
	return fmt.Errorf("dbmodule: rollback: %w", err)
}

func withoutBadConn(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return errConnLost
	}
	return err
}
