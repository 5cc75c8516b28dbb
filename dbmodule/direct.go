package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/compiled"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// What a compiled query reads goes from the driver's rows into structs, without
// database/sql's rows in between. These are for rows that their user may keep open: here
// they are read and closed before the session is free again.

// direct is one query that is read so.
type direct struct {
	text *compiled.Text
	into compiled.Reads
	// rows is how many were read, and err why no more were, once the query ran.
	rows int
	err  error
}

// readText runs a text that Bun has rendered, as QueryContext of builder does, and reads
// its rows.
func (s *Session) readText(ctx context.Context, text *compiled.Text, into compiled.Reads) (int, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	d, err := &direct{text: text, into: into}, error(nil)
	switch {
	case !s.options.autocommits() && !(text.Plain && s.readsAlone()):
		if err = s.begin(ctx); err == nil {
			err = s.readHeld(ctx, d)
		}
	case s.held == nil:
		err = s.readAlone(ctx, d)
	default: // on the connection that it has
		err = s.read(ctx, text.Query, func() error { return s.readHeld(ctx, d) })
	}
	if err == nil {
		err = d.err
	}
	return d.rows, err
}

// readHeld reads a query on the connection that the session has. The error is that of the
// query alone: it may be run again elsewhere.
func (s *Session) readHeld(ctx context.Context, d *direct) error {
	return d.run(s.held, s.follows(ctx, new(followed)))
}

// readAlone reads a query that needs no connection beyond its result, whose end gives that
// back.
func (s *Session) readAlone(ctx context.Context, d *direct) error {
	return s.runAlone(ctx, d.text.Query, func(one *lone) error { return d.run(&one.held, one.follows()) })
}

// run runs the query. database/sql lends its connection meanwhile: a savepoint's bun.Tx
// waits, as it does for a statement.
func (d *direct) run(held *heldConn, call *sqlconn.Call) error {
	call.Made, call.Straight = d.text.Made, true
	return held.conn.Raw(func(any) error {
		rows, err := held.raw.QueryContext(call, d.text.Query, nil)
		if err == nil {
			d.read(call.Caller, held.raw, rows)
		}
		return err
	})
}

// read reads the rows and closes them. database/sql closes a connection on which a field's
// own Scan panics: nobody else is to get it.
func (d *direct) read(ctx context.Context, conn *sqlconn.Conn, rows driver.Rows) {
	panics := true
	defer func() {
		if panics {
			conn.Discard()
		}
		if late := rows.Close(); d.err == nil {
			d.err = late
		}
	}()
	d.rows, d.err = d.into.ReadRows(ctx, rows)
	panics = false
}

// runText runs a text that Bun has rendered, as ExecContext of builder does.
func (s *Session) runText(ctx context.Context, text *compiled.Text) (sql.Result, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	run := func(ctx context.Context, conn bun.Conn) (sql.Result, error) {
		return conn.Conn.ExecContext(ctx, text.Query)
	}
	switch {
	case !s.options.autocommits():
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
		return run(&sqlconn.Call{Caller: ctx, On: s.held.raw, Made: text.Made}, s.held.conn)
	case s.held == nil:
		return s.execAlone(ctx, text.Query, text.Made)
	default:
		return s.execHeld(ctx, text.Query, run)
	}
}
