package sqlconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// A connection serves one result at a time. If a statement is sent while rows are open,
// the drivers of PostgreSQL and MySQL close the connection, and SQLite's runs the
// statement. A session does the same on all engines: it refuses the statement before
// anything is sent.

// admits returns nil if a statement may be sent now, or the reason why not.
func (c *Conn) admits(ctx context.Context, query string) error {
	if err := c.admitsBesideRows(query); err != nil {
		return err
	}
	if err := c.admitsEnd(query); err != nil {
		return err
	}
	if err := c.admitsShared(ctx, query); err != nil {
		return err
	}
	if err := c.state.Admits(c.connector.Dialect, query); err != nil {
		return err
	}
	if err := c.admitsReading(query); err != nil {
		return err
	}
	return c.beginNext(ctx)
}

// admitsEnd refuses COMMIT, ROLLBACK and the like as a statement of a session. The session would not
// notice that its transaction has ended: what follows would be stored statement by statement, also
// if the unit of work fails, and by a read-only session, too. It counts as a failed statement: a
// caller who ignores that ROLLBACK was refused must not commit.
func (c *Conn) admitsEnd(query string) error {
	if !c.state.Strict {
		return nil
	}
	words := sqltext.EndsTransaction(c.connector.Dialect, query)
	if words == "" {
		return nil
	}
	err := fmt.Errorf("dbmodule: %s as a statement of a session: call the session's Commit or Rollback, or use a session with Autocommit for what can't run in a transaction", words)
	c.state.Failed(err, false)
	return err
}

// admitsReading refuses DDL and its like in a read-only session's transaction on MySQL: MySQL
// would commit the transaction first, and what follows could write. The database itself refuses
// other writes.
func (c *Conn) admitsReading(query string) error {
	d := c.connector.Dialect
	if d != sqltext.MySQL || !c.state.ReadOnly || !c.state.Strict || !sqltext.CommitsFirst(query) {
		return nil
	}
	err := c.connector.failure(dberr.ErrReadOnlySession, errCommitsFirst)
	c.state.Failed(err, false)
	return err
}

var errCommitsFirst = errors.New("MySQL would end the read-only transaction to run the statement")

// admitsBesideRows refuses a statement while rows are open. In a transaction this counts as
// a failed statement, so that a caller who ignores the error can't commit without the
// statement. The end of a savepoint closes the rows instead, as COMMIT and ROLLBACK do.
// Outside sessions the driver decides.
func (c *Conn) admitsBesideRows(query string) error {
	open := c.reading
	if open == nil || c.unit == nil && !c.inner.OneResult() {
		return nil
	}
	if verb, _ := sqltext.SavepointOf(c.connector.Dialect, query); verb == sqltext.Release || verb == sqltext.RollbackTo {
		return open.closeEarly(errSavepointEnded)
	}
	err := fmt.Errorf("dbmodule: run statement: %w", dberr.ErrRowsOpen)
	c.state.Failed(err, false)
	return err
}

// errSavepointEnded is the error of rows that are read after their savepoint has ended.
var errSavepointEnded = errors.New("dbmodule: read row: the savepoint in which the rows were opened has ended, and closed them")

// closeEarly closes rows that their user still has open. Reading on returns why.
func (r *rows) closeEarly(why error) error {
	err := r.Close()
	r.closed = why
	return err
}
