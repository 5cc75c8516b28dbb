package dbmodule

import (
	"cmp"
	"context"
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
	// was given, or for a session's own that of the statement.
	limit *limit
	// endTx, if not nil, ends the context that the driver keeps for it.
	endTx context.CancelFunc
	// joined says that it is a savepoint in another's transaction.
	joined bool
	// outlives says that it is committed when its own unit of work has ended,
	// and with that the context that it was begun with.
	outlives bool
	// unit is its unit of work, if it outlives that.
	unit *observedUnit
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
	if g := t.conn.group; g != nil && (t.joined || t.conn.shares) {
		return t.share(g)
	}
	return t.commitNow()
}

// share ends a unit of work that is committed together with others, or may be.
func (t *tx) share(g *commitGroup) error {
	defer t.conn.end()
	if t.joined {
		defer t.limit.end()
		t.limit.start(0)
		if err := g.part(context.WithoutCancel(t.limit.ctx), false); err != nil {
			return newError(ErrConflict, t.conn.engine(), err)
		}
	}
	t.conn.acknowledged = g.add(t)
	return nil
}

// commitNow sends COMMIT.
func (t *tx) commitNow() error {
	defer t.limit.end()
	t.limit.start(0)
	err := t.send("COMMIT", t.Tx.Commit)
	if err == nil {
		t.conn.end()
		return nil
	}
	if definite(t.conn.engine(), err) {
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
	return newError(kind, t.conn.engine(), cause)
}

// send ends the transaction. MySQL's driver gives Commit and Rollback no
// context, so that a stalled server would hold them for ever: the statements
// have one. SQLite's gives Commit the context of BeginTx, unless the transaction
// is a controlTx.
func (t *tx) send(statement string, method func() error) error {
	m := t.conn.measureFor(t.limit.caller, cmp.Or(t.unit, t.conn.unit), statement)
	if pg, ok := t.Tx.(*pgTx); ok {
		return m.raw(pg.end(t.limit.ctx, statement))
	}
	if _, controlled := t.Tx.(controlTx); t.conn.engine() == MySQL || t.outlives && !controlled {
		if execer, ok := t.conn.Conn.(driver.ExecerContext); ok {
			_, err := execer.ExecContext(t.limit.ctx, statement, nil)
			return m.raw(err)
		}
	}
	return m.raw(method())
}

// definite tells a refusal by the database, after which nothing is stored,
// from an answer that did not come.
func definite(engine Engine, err error) bool {
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
		return !errors.Is(classify(engine, err), ErrCommitUnknown)
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
	if t.joined {
		defer t.conn.end()
		defer t.limit.end()
		_ = t.conn.group.part(context.WithoutCancel(t.limit.ctx), true) // what could not be undone is gone with the transaction
		return nil
	}
	gone := t.conn.broken || t.conn.lost != nil && t.conn.engine() == SQLite
	defer t.conn.end()
	defer t.limit.end()
	t.limit.start(settleTimeout)
	err := t.send("ROLLBACK", t.Tx.Rollback)
	if err == nil || t.conn.engine() == SQLite && (gone || endsTransaction(SQLite, err)) {
		return nil // SQLite may have rolled back by itself
	}
	gone = gone || !t.conn.sound() || t.limit.ctx.Err() != nil
	t.conn.broken = true
	err = classify(t.conn.engine(), withoutBadConn(err))
	if gone || errors.Is(err, errConnLost) || errors.Is(err, ErrUnavailable) {
		return nil
	}
	return fmt.Errorf("dbmodule: rollback: %w", err)
}

// outlive keeps the transaction open beyond its own unit of work.
func (t *tx) outlive() {
	if t.outlives {
		return
	}
	t.limit.end()
	t.limit = newLimit(&detachedContext{t.limit.caller}, nil, t.conn.connector.statementTimeout, &t.conn.watch)
	t.limit.stop()
	t.outlives = true
	if t.conn.unit != nil {
		unit := *t.conn.unit
		t.unit = &unit
	}
}

// forget rolls back what the connection still has open, if anything.
func (t *tx) forget() {
	t.limit.end()
	if t.Tx.Rollback() != nil {
		// SQLite says so when no transaction is active, too: a connection less
		// is no loss.
		t.conn.broken = true
	}
}

func withoutBadConn(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return errConnLost
	}
	return err
}
