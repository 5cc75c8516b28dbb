package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/compiled"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// A compiled query reads the driver's rows into structs directly, without *sql.Rows. Those
// are needed if a user may keep rows open. Here the rows are read and closed before the
// session's method returns.

// direct is one compiled query that is read directly.
type direct struct {
	text *compiled.Text
	into compiled.Into
	// rows is how many rows were read, and err the error of reading. The error of the query
	// itself is returned by run.
	rows int
	err  error
}

// readText runs a compiled query, and reads its rows.
func (s *Session) readText(ctx context.Context, text *compiled.Text, into compiled.Into) (int, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	d, err := &direct{text: text, into: into}, error(nil)
	switch {
	case !s.options.autocommits() && !(text.Plain && s.readsWithoutTx()):
		if err = s.begin(ctx); err == nil {
			err = s.readHeld(ctx, d)
		}
	case s.held == nil:
		err = s.readAlone(ctx, d)
	default:
		err = s.read(ctx, text.Query, func() error { return s.readHeld(ctx, d) })
	}
	if err == nil {
		err = d.err
	}
	return d.rows, err
}

// readHeld reads a query on the session's connection. It returns the error of the query, not
// of reading: after it the query may run again on another connection.
func (s *Session) readHeld(ctx context.Context, d *direct) error {
	return d.run(s.held, s.follows(ctx, new(followed)))
}

// readAlone reads a query on a connection of its own; see runAlone.
func (s *Session) readAlone(ctx context.Context, d *direct) error {
	return s.runAlone(ctx, d.text.Query, func(one *lone) error { return d.run(&one.held, one.follows()) })
}

// run runs the query. Raw keeps database/sql from using the connection meanwhile, as a
// statement would: the bun.Tx of a savepoint waits.
func (d *direct) run(held *heldConn, call *sqlconn.Call) error {
	call.Origin, call.ReadAtOnce = d.text.Origin, true
	return held.conn.Raw(func(any) error {
		rows, err := held.raw.QueryContext(call, d.text.Query, nil)
		if err == nil {
			d.read(call.Caller, held.raw, rows)
		}
		return err
	})
}

// read reads the rows and closes them. If the Scan method of a field panics, the connection
// is closed, as database/sql does.
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
	d.rows, d.err = d.into.Scan(ctx, compiled.FromDriver(rows))
	panics = false
}

// runText runs a compiled query without a result.
func (s *Session) runText(ctx context.Context, text *compiled.Text) (sql.Result, error) {
	return s.exec(ctx, text.Query, text.Origin, true, func(ctx context.Context, conn bun.Conn) (sql.Result, error) {
		return conn.Conn.ExecContext(ctx, text.Query)
	})
}
