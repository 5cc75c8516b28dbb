package sqlconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// A connection serves one result at a time. PostgreSQL's and MySQL's drivers give a
// connection up when they are handed another statement meanwhile; SQLite would run
// it. A session answers the same on all of them: it refuses the statement before
// anything is sent.

// admits says whether a statement may be sent now.
func (c *Conn) admits(ctx context.Context, query string) error {
	if err := c.admitsBesideRows(query); err != nil {
		return err
	}
	if err := c.admitsShared(ctx, query); err != nil {
		return err
	}
	if err := c.state.Admits(c.connector.Dialect, query); err != nil {
		return err
	}
	return c.admitsReading(query)
}

// admitsReading refuses DDL in a read-only session's transaction on MySQL, which would commit
// the transaction and run it. What else writes is refused by the database.
func (c *Conn) admitsReading(query string) error {
	d := c.connector.Dialect
	if d != sqltext.MySQL || !c.state.ReadOnly || !c.state.Strict || !sqltext.EffectsOf(d, query).Has(sqltext.Schema) {
		return nil
	}
	err := c.connector.failure(dberr.ErrReadOnlySession, errCommitsFirst)
	c.state.Failed(err, false)
	return err
}

var errCommitsFirst = errors.New("the statement changes the schema, and MySQL would end the read-only transaction to run it")

// admitsBesideRows refuses a statement while rows are open. In a transaction that
// counts as a failed statement: who ignores the error does not commit without it.
// The end of a savepoint closes the rows instead, as COMMIT and ROLLBACK do.
func (c *Conn) admitsBesideRows(query string) error {
	open := c.reading
	if open == nil || c.unit == nil && !c.inner.OneResult() { // whoever uses no session may do what the driver lets them
		return nil
	}
	if verb, _ := sqltext.SavepointOf(c.connector.Dialect, query); verb == sqltext.Release || verb == sqltext.RollbackTo {
		return open.cut(errSavepointEnded)
	}
	err := fmt.Errorf("dbmodule: run statement: %w", dberr.ErrRowsOpen)
	c.state.Failed(err, false)
	return err
}

// errSavepointEnded is what rows say to whoever reads on.
var errSavepointEnded = errors.New("dbmodule: read row: the savepoint in which the rows were opened has ended, and closed them")

// cut closes rows that their user has not closed, who is told why.
func (r *rows) cut(why error) error {
	err := r.Close()
	r.over = why
	return err
}
