package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
)

// controls are the statements about transactions of a SQLite connection that
// writes to a file, prepared: SQLite compiles BEGIN and COMMIT like any other.
type controls struct {
	conn     driver.ConnPrepareContext
	prepared map[string]driver.StmtExecContext
}

// newControls returns nil for a driver that prepares nothing.
func newControls(inner driver.Conn) *controls {
	preparer, ok := inner.(driver.ConnPrepareContext)
	if !ok {
		return nil
	}
	return &controls{conn: preparer, prepared: make(map[string]driver.StmtExecContext)}
}

func (k *controls) run(ctx context.Context, statement string) error {
	st := k.prepared[statement]
	if st == nil {
		made, err := k.conn.PrepareContext(ctx, statement)
		if err != nil {
			return err
		}
		var ok bool
		if st, ok = made.(driver.StmtExecContext); !ok {
			return errors.Join(errNoStatementContext, made.Close())
		}
		k.prepared[statement] = st
	}
	_, err := st.ExecContext(ctx, nil)
	return err
}

// begin begins a transaction that is going to write.
func (k *controls) begin(ctx context.Context) (driver.Tx, error) {
	if err := k.run(ctx, "BEGIN IMMEDIATE"); err != nil {
		if ctx.Err() != nil {
			_ = k.run(context.WithoutCancel(ctx), "ROLLBACK") // the driver may say so of one that began
		}
		return nil, err
	}
	return controlTx{controls: k, ctx: context.WithoutCancel(ctx)}, nil
}

// close gives the statements up; without that SQLite keeps the connection.
func (k *controls) close() {
	if k == nil {
		return
	}
	for _, st := range k.prepared {
		if st, ok := st.(driver.Stmt); ok {
			_ = st.Close() // the connection's own end does it as well
		}
	}
	clear(k.prepared)
}

// controlTx ends a transaction. No context's end counts for that: in a log of writes
// ahead COMMIT waits for the disk alone, which can't be interrupted, and the
// driver would say of one that was stored meanwhile that it was cancelled.
type controlTx struct {
	*controls
	ctx context.Context
}

func (t controlTx) Commit() error   { return t.run(t.ctx, "COMMIT") }
func (t controlTx) Rollback() error { return t.run(t.ctx, "ROLLBACK") }
