package sqlconn

import (
	"context"
	"fmt"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// MySQL commits the open transaction before it runs DDL and the like. Without a new transaction,
// each later statement of the session would commit by itself, also if the unit of work fails.

// implicitCommit is what MySQL's implicit commits have done to the current unit of work.
type implicitCommit struct {
	// begins are the options of the session's transaction.
	begins engine.TxOptions
	// ended is set when MySQL has ended the transaction, and the next statement begins another one.
	ended bool
	// locks is set while LOCK TABLES may hold locks. Then each statement commits by itself.
	locks bool
	// stored is set once a part of the unit of work is stored.
	stored bool
}

// noteImplicitCommit is called when a statement of a session was sent to MySQL.
func (c *Conn) noteImplicitCommit(query string, err error) {
	if c.connector.Dialect != sqltext.MySQL || !c.state.Strict || !c.state.InTx() || !sqltext.CommitsFirst(query) {
		return
	}
	switch word := sqltext.FirstWord(sqltext.MySQL, query); strings.ToUpper(word) {
	case "LOCK", "FLUSH": // BEGIN would release the locks
		c.implicit.locks = true
	case "UNLOCK":
		c.implicit.locks = false
	}
	c.implicit.ended = !c.implicit.locks
	c.implicit.stored = c.implicit.stored || c.state.Touched() || err == nil
}

// beginNext begins another transaction if MySQL has ended the session's.
func (c *Conn) beginNext(ctx context.Context) error {
	if !c.implicit.ended {
		return nil
	}
	c.implicit.ended = false
	l := c.newLimit(ctx)
	defer l.End()
	m := c.measure(l, "BEGIN")
	err := m.doneUntyped(c.inner.Begin(l.Context(), c.implicit.begins))
	if err == nil {
		return nil
	}
	c.broken = true // the next statement would commit by itself
	c.abandon(l)
	_, err = c.judge(explain(l, c.connector, err))
	c.state.Failed(err, true)
	return fmt.Errorf("dbmodule: begin the transaction again that MySQL has ended: %w", err)
}

// StoredInPart reports whether MySQL has stored a part of the unit of work before its COMMIT.
func (c *Conn) StoredInPart() bool { return c.implicit.stored }
