package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/openhands-go/server/dbmodule"
)

// unused returns [ErrInUse] if another connection has the database open. A missing
// or damaged database counts as not in use.
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

// lockOut locks a database for this process alone. SQLite then moves the content of
// the write-ahead log into the file and removes the log. Other connections wait
// until unlock. The error is [ErrInUse] if another connection has the database open,
// even an idle one, and [dbmodule.ErrCorrupt] if SQLite can't read the database.
func lockOut(ctx context.Context, path string) (unlock func() error, err error) {
	conn, closeConn, err := open(ctx, path, "mode", "rw", "_pragma", "busy_timeout(1000)", "_pragma", "synchronous(EXTRA)")
	if err != nil {
		return nil, inUse(path, err)
	}
	// SQLite turns write-ahead logging off only if no other connection is open: each
	// connection that uses the log has a lock on the file as long as it is open.
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

// inUse adds to err the process that has the database open, if it is known. A
// process also has locks on a damaged database that it has open.
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
