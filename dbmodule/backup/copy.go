package backup

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// pagesPerStep are copied between two looks at the context: 4 MiB in pages of
// the usual size.
const pagesPerStep = 1024

// backuper is what of the driver's connection is needed here.
type backuper interface {
	NewBackup(to string) (*sqlite.Backup, error)
}

// copyDatabase copies what the connection sees into the empty file to, which
// then needs no other file beside it. It leaves to unsynced.
func copyDatabase(ctx context.Context, from *sql.Conn, to string, progress func(done, total int)) error {
	if err := from.Raw(func(conn any) error { return copyPages(ctx, conn, to, progress) }); err != nil {
		return typed(err)
	}
	return selfContained(ctx, to)
}

// snapshot begins a transaction that reads. Without one each step would see
// what was committed before it, and the copy begin again after every write of
// others.
func snapshot(ctx context.Context, conn *sql.Conn) (end func() error, err error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, typed(err)
	}
	end = func() error {
		err := tx.Rollback()
		if errors.Is(err, sql.ErrTxDone) || ctx.Err() != nil { // with the context, it ended by itself
			return nil
		}
		return err
	}
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return nil, errors.Join(typed(err), end())
	}
	return end, nil
}

func copyPages(ctx context.Context, conn any, to string, progress func(done, total int)) (err error) {
	if wrapped, ok := conn.(interface{ Unwrap() driver.Conn }); ok {
		conn = wrapped.Unwrap()
	}
	source, ok := conn.(backuper)
	if !ok {
		return fmt.Errorf("the driver's %T makes no backup", conn)
	}
	// What is cut off is thrown away, and what is complete is synced as a whole.
	b, err := source.NewBackup(fileDSN(to) + "?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Finish()) }()
	for more := true; more; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if more, err = b.Step(pagesPerStep); err != nil {
			return err
		}
		if progress != nil {
			progress(b.PageCount()-b.Remaining(), b.PageCount())
		}
	}
	return nil
}

// selfContained turns write-ahead logging off in the copy, so that it can be
// read from where nothing can be written. Who opens it next for a server turns
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
