package migrate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// table is the table of the lease. Row 1 says which process migrates, and until when. Of
// several processes that insert it on different nodes, only one succeeds. Row 2 is the fence:
// each record of progress writes to it, and so does each process that takes the lease. If
// both do at once, the cluster commits only one of the two transactions. It is not row 1,
// because renewals would wait for a long transaction of the holder, or make it fail.
func (l *lease) table() string {
	return l.run.ledger.quoted(l.run.ledger.schema, l.run.m.table.lease())
}

// leaseTerm is how long a lease lasts after its last renewal. The holder renews it a few times
// in that time.
const leaseTerm = 30 * time.Second

// errLeaseLost means that another process may have taken the lease.
var errLeaseLost = errors.New("the lock on revisions was lost: it was not renewed in time, and another process may have taken it")

// lease is the lock of a cluster. If its holder dies, nobody renews it, and it ends. Every
// record of progress writes to the fence in the same transaction, so that a holder that was
// too slow to renew fails before it records anything.
//
// A process that waits uses only its own clock: if row 1 does not change for a whole term, the
// lease has no holder. The time in the row is only for people. The clocks of the nodes may
// differ, and a renewal may have waited for DDL, so that its time has passed.
type lease struct {
	run   *run
	owner string
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// acquireLease waits for the lease, and then renews it until release. It uses other connections
// than the revision.
func acquireLease(ctx context.Context, r *run) (*lease, error) {
	l := &lease{run: r, owner: rand.Text()}
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.done.Go(func() { l.renew(renewing) })
	return l, nil
}

func (l *lease) db() bun.IDB { return l.run.db.DB() }

// term is how long a lease lasts without being renewed.
func (l *lease) term() time.Duration { return l.run.m.leaseTerm }

// wait takes the lease. While another process holds it, wait tries again; if row 1 has not changed
// for a whole term, it deletes the row first.
func (l *lease) wait(ctx context.Context) error {
	if err := l.ensureTable(ctx); err != nil {
		return err
	}
	w := l.run.waiting()
	var row string
	changed := time.Now()
	for {
		err := l.take(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, dbmodule.ErrUnique) && !errors.Is(err, dbmodule.ErrConflict) {
			return err
		}
		now, err := l.readRow(ctx)
		switch {
		case err != nil:
			return err
		case now != row:
			row, changed = now, time.Now()
		case time.Since(changed) > l.term():
			if err := l.evict(ctx, row); err != nil {
				return err
			}
			changed = time.Now()
			continue
		}
		if err := w.pause(ctx, "a process on another node of the cluster"); err != nil {
			return err
		}
	}
}

// ensureTable creates the table if it does not exist. It looks first, because even CREATE
// TABLE IF NOT EXISTS makes the transactions of the holder fail.
func (l *lease) ensureTable(ctx context.Context) error {
	var n int
	err := l.db().NewRaw("SELECT count(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", l.run.ledger.schema, l.run.m.table.lease()).Scan(ctx, &n)
	if err != nil || n > 0 {
		return err
	}
	return execute(ctx, l.db(), "CREATE TABLE IF NOT EXISTS "+l.table()+" (id INTEGER PRIMARY KEY, owner VARCHAR(64) NOT NULL, expires_at DATETIME(6) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")
}

// leaseEnd is the time at which a lease that is taken now ends, by the server's clock.
const leaseEnd = "UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND"

// take inserts row 1, and writes the owner to the fence. If row 1 exists, the error is
// dbmodule.ErrUnique.
func (l *lease) take(ctx context.Context) error {
	return l.db().RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for _, into := range []string{"INSERT INTO " + l.table() + " (id, owner, expires_at) VALUES (1, ?, ", "REPLACE INTO " + l.table() + " (id, owner, expires_at) VALUES (2, ?, "} {
			if _, err := tx.NewRaw(into+leaseEnd+")", l.owner, l.term().Microseconds()).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// leaseRow is the content of a row; each renewal changes it.
const leaseRow = "CONCAT(owner, ' ', expires_at)"

// readRow returns the content of row 1, "" if it does not exist.
func (l *lease) readRow(ctx context.Context) (row string, err error) {
	err = l.db().NewRaw("SELECT "+leaseRow+" FROM "+l.table()+" WHERE id = 1").Scan(ctx, &row)
	if errors.Is(err, dbmodule.ErrNotFound) {
		err = nil
	}
	return row, err
}

// evict deletes row 1 unless it has changed. If the holder renews it on another node at the
// same time, the deletion fails with a conflict.
func (l *lease) evict(ctx context.Context, row string) error {
	_, err := l.db().NewRaw("DELETE FROM "+l.table()+" WHERE id = 1 AND "+leaseRow+" = ?", row).Exec(ctx)
	if errors.Is(err, dbmodule.ErrConflict) {
		return nil
	}
	return err
}

// touchFence writes to the fence, in a transaction of the run. It fails if another process has taken
// the lease.
func (l *lease) touchFence(ctx context.Context, tx bun.Tx) error { return l.renewRow(ctx, tx, 2) }

// renewRow sets the time of a row to the end of a new term. If the row belongs to another owner, it
// returns errLeaseLost.
func (l *lease) renewRow(ctx context.Context, db bun.IDB, id int) error {
	result, err := db.NewRaw("UPDATE "+l.table()+" SET expires_at = "+leaseEnd+" WHERE id = ? AND owner = ?", l.term().Microseconds(), id, l.owner).Exec(ctx)
	if err != nil {
		return fmt.Errorf("renew the lock on revisions: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errLeaseLost, err)
	}
	return nil
}

// renew renews the lease a few times in each term, until ctx ends. It ignores errors: if another
// process takes the lease because of them, the next record fails at the fence.
func (l *lease) renew(ctx context.Context) {
	ticker := time.NewTicker(l.term() / 6)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = l.renewRow(ctx, l.db(), 1)
		}
	}
}

// release deletes the lease's rows, so that another process can take it at once.
func (l *lease) release() error {
	l.stop()
	l.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), l.term()/6) //nolint:forbidigo // the run's own context may have ended, and the lease would then block the next for its whole term
	defer cancel()
	for {
		_, err := l.db().NewRaw("DELETE FROM "+l.table()+" WHERE owner = ?", l.owner).Exec(ctx)
		if errors.Is(err, dbmodule.ErrConflict) && sleep(ctx, lockPause) == nil {
			continue
		}
		if err != nil {
			err = fmt.Errorf("migrate: release the lock on revisions: %w", err)
		}
		return err
	}
}
