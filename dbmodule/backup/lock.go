package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/openhands-go/server/dbmodule"
)

// unused reports [ErrInUse] when another connection has the database open.
// One that is missing or damaged is in nobody's use.
func unused(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := lockOut(ctx, path)
	if errors.Is(err, dbmodule.ErrCorrupt) {
		return nil
	}
	if err != nil {
		return err
	}
	return unlock()
}

// lockOut gets a database for this process alone: everything that its log has
// is in the file then, the log is gone, and whoever opens the file waits until
// unlock. It is [ErrInUse] when somebody has it open, even idly, and
// [dbmodule.ErrCorrupt] when it is so damaged that SQLite can't tell.
func lockOut(ctx context.Context, path string) (unlock func() error, err error) {
	conn, closeConn, err := open(ctx, path, "mode", "rw", "_pragma", "busy_timeout(1000)", "_pragma", "synchronous(EXTRA)")
	if err != nil {
		return nil, inUse(path, err)
	}
	// Leaving write-ahead logging needs the file for itself: each connection
	// that uses the log has a lock on it for as long as it is open.
	for _, statement := range []string{"PRAGMA journal_mode=DELETE", "PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(inUse(path, typed(err)), closeConn())
		}
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, closeConn())
	}, nil
}

// inUse names the process that has a database open, if that can be told. A
// damaged database is also locked by those that have it open.
func inUse(path string, err error) error {
	who := holder(path)
	switch {
	case who != "":
		return fmt.Errorf("%w by %s: stop it first", ErrInUse, who)
	case errors.Is(err, ErrInUse):
		return fmt.Errorf("%w by another connection: stop the server and whatever else has it open first", err)
	}
	return err
}
