package backup

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// pagesPerStep is the number of pages copied between two checks of the context: 4
// MiB in pages of the usual size.
const pagesPerStep = 1024

// backuper is the method of the driver's connection that this package needs.
type backuper interface {
	NewBackup(to string) (*sqlite.Backup, error)
}

// copyDatabase copies the database that the connection sees into the empty file to.
// The copy needs no other file beside it. copyDatabase does not sync it.
func copyDatabase(ctx context.Context, from *sql.Conn, to string, progress func(done, total int)) error {
	if err := from.Raw(func(conn any) error { return copyPages(ctx, conn, to, progress) }); err != nil {
		return typed(err)
	}
	return selfContained(ctx, to)
}

// snapshot begins a read transaction. Without it each step would see what was
// committed before that step, and SQLite would restart the copy after every write
// of another connection.
func snapshot(ctx context.Context, conn *sql.Conn) (end func() error, err error) {
	// If ctx ended the transaction, database/sql would close the connection while it is in use.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, typed(err)
	}
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return nil, errors.Join(typed(err), tx.Rollback())
	}
	return tx.Rollback, nil
}

// copyPages copies the database of a driver's connection into the file to, a few pages at a time.
func copyPages(ctx context.Context, conn any, to string, progress func(done, total int)) error {
	if wrapped, ok := conn.(interface{ Unwrap() driver.Conn }); ok {
		conn = wrapped.Unwrap()
	}
	source, ok := conn.(backuper)
	if !ok {
		return fmt.Errorf("the driver's %T makes no backup", conn)
	}
	// No journal and no syncs: an interrupted copy is deleted, and a complete copy is
	// synced once as a whole.
	b, err := source.NewBackup(fileDSN(to) + "?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	for more := true; more; {
		if err := context.Cause(ctx); err != nil {
			return errors.Join(err, b.Finish())
		}
		if more, err = b.Step(pagesPerStep); err != nil {
			_ = b.Finish() // it repeats the error of Step
			return err
		}
		if progress != nil {
			progress(b.PageCount()-b.Remaining(), b.PageCount())
		}
	}
	return b.Finish()
}

// selfContained turns write-ahead logging off in the copy, so that it can be read
// in a folder where nothing can be written. A server that opens the copy later turns
// it on again.
func selfContained(ctx context.Context, path string) error {
	conn, closeConn, err := open(ctx, path, "_pragma", "synchronous(OFF)")
	if err != nil {
		return err
	}
	var mode string
	err = conn.QueryRowContext(ctx, "PRAGMA journal_mode=DELETE").Scan(&mode)
	if err == nil && mode != "delete" {
		err = fmt.Errorf("the copy's journal mode stays %q", mode)
	}
	return errors.Join(typed(err), closeConn())
}
