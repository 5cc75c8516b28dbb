package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// keepsApart looks at a statement before it is sent. One that may undo a transaction
// as a whole, or that holds until the end of it, ends the sharing: a unit of work that
// has joined others and done nothing yet goes on in a transaction of its own. One that
// has done something can't, and is refused what might undo the others' work: it may run
// again, and from then on nothing is shared in this database.
func (g *commitGroup) keepsApart(query string) error {
	if g == nil {
		return nil
	}
	sharing := sqltext.SharingOf(query)
	if sharing == sqltext.Harmless || sharing == sqltext.Overrules && g.conn.state.Strict { // see spares
		return nil
	}
	g.last = true
	if sharing == sqltext.Undoes {
		g.queue.alone.Store(true)
	}
	switch {
	case !g.joined:
		return nil
	case !g.conn.state.Touched():
		return g.apart()
	case sharing == sqltext.Defers:
		return nil // resolves looks at what came of it
	}
	err := g.conn.connector.failure(dberr.ErrConflict, errShared)
	g.conn.state.Failed(err, false)
	return err
}

// spares returns a statement as it is sent, and whether it undoes more than itself when
// it fails: the OR ROLLBACK of a session's statement is not left to SQLite, which would
// take along what others did. The session can only be rolled back then.
func (g *commitGroup) spares(query string) (sent string, overrules bool) {
	if g == nil || !g.conn.state.Strict || sqltext.SharingOf(query) != sqltext.Overrules {
		return query, false
	}
	return sqltext.WithoutRollback(query), true
}

// overruled notes that a transaction is to be undone as a whole since a statement failed
// that says so.
func (c *Conn) overruled(overrules bool, err error) error {
	if overrules && err != nil {
		c.state.Failed(err, true)
	}
	return err
}

func (c *Conn) execSpared(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	sent, overrules := c.group.spares(query)
	result, err := c.exec(ctx, sent, args)
	return result, c.overruled(overrules, err)
}

var errShared = errors.New("the statement may undo the transaction as a whole, which the unit of work shares with others: run it again, when it shares none")

// apart commits what others did in the transaction, and begins another for the unit of
// work that has joined it and done nothing so far.
func (g *commitGroup) apart() error {
	c, ctx := g.conn, context.WithoutCancel(g.open.limit.Caller())
	if err := g.part(ctx, false); err != nil {
		c.state.Failed(err, true)
		return c.connector.failure(dberr.ErrConflict, err)
	}
	g.commit()
	g.last = true
	err := error(nil)
	if !c.broken {
		err = c.inner.Begin(ctx, engine.TxOptions{}) // SQLite's have no options
	}
	if c.broken || err != nil {
		c.broken = true
		err = c.connector.failure(dberr.ErrUnavailable, fmt.Errorf("begin a transaction that is not shared: %w", errors.Join(engine.ErrConnLost, err)))
		c.state.Failed(err, true)
		return err
	}
	c.own.joined = false
	return nil
}

var errNoKeys = errors.New("the engine does not tell of deferred foreign keys")

// keyKeeper is an engine's connection that knows of deferred foreign keys.
type keyKeeper interface{ Unresolved() (bool, error) }

// resolves reports whether the unit of work that ends leaves no deferred foreign key
// violated. COMMIT would fail for all who share it.
func (g *commitGroup) resolves() bool {
	unresolved, err := g.conn.inner.Unresolved()
	return err == nil && !unresolved
}

// violated is the error of a unit of work that does not resolve, as SQLite has it for
// COMMIT.
func (g *commitGroup) violated() error {
	const text = "FOREIGN KEY constraint failed (787)"
	return dberr.Wrap(dberr.Error{Kind: dberr.ErrForeignKey, Engine: dburl.SQLite, Code: "787"}, errors.New(text), text)
}

// undoing looks for constraints and triggers that undo a whole transaction, or are
// checked at COMMIT only. They are looked for again when the schema has changed.
func (g *commitGroup) undoing(ctx context.Context) bool {
	version, err := g.conn.number(ctx, "PRAGMA schema_version")
	if err == nil && g.schemaKnown && version == g.schema {
		return g.schemaUndoes
	}
	undoes := false
	if err == nil {
		undoes, err = g.conn.schemaUndoes(ctx)
	}
	if err != nil {
		return true
	}
	g.schema, g.schemaKnown, g.schemaUndoes = version, true, undoes
	return undoes
}

func (c *Conn) schemaUndoes(ctx context.Context) (undoes bool, err error) {
	rows, err := c.inner.Query(ctx, "SELECT sql FROM (SELECT sql FROM sqlite_master UNION ALL SELECT sql FROM sqlite_temp_master) WHERE sql LIKE '%rollback%' OR sql LIKE '%deferred%'", nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, c.inner.closeRows(rows)) }()
	row := make([]driver.Value, 1)
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
		text, ok := row[0].(string)
		if !ok || sqltext.SharingOf(text) == sqltext.Undoes || strings.Contains(strings.ToLower(text), "deferred") {
			return true, nil
		}
	}
}
