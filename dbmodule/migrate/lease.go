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

// leaseTable holds at most one row: who migrates, and until when that counts.
// Inserting a unique row is what has one winner across the nodes of a cluster.
const leaseTable = "alembic_version_lease"

const (
	// leaseTerm is how long a lease outlives its holder. It is renewed a few
	// times in that time.
	leaseTerm  = 30 * time.Second
	leaseRenew = leaseTerm / 6
)

// errLeaseLost says that another process took over since this one seemed gone.
var errLeaseLost = errors.New("the lock on revisions was lost: it was not renewed in time, and another process may have taken it")

// lease is the lock of a cluster. A holder that dies frees it by not renewing
// it. Every record of progress renews it in the same transaction, so that a
// holder that was too slow finds out before it records anything.
type lease struct {
	conn  bun.Conn
	owner string
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// acquireLease waits for the lease, on the run's second connection.
func acquireLease(ctx context.Context, r *run) (*lease, error) {
	conn, err := r.db.DB().Conn(ctx)
	if err != nil {
		return nil, err
	}
	l := &lease{conn: conn, owner: rand.Text()}
	if err := l.wait(ctx, r); err != nil {
		return nil, errors.Join(err, giveBack(conn))
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.done.Go(func() { l.keep(renewing) })
	return l, nil
}

func (l *lease) wait(ctx context.Context, r *run) error {
	create := "CREATE TABLE IF NOT EXISTS " + leaseTable + " (id INTEGER PRIMARY KEY, owner VARCHAR(64) NOT NULL, expires_at DATETIME(6) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
	if err := execute(ctx, l.conn, create); err != nil {
		return err
	}
	w := r.waiting()
	for {
		err := l.take(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, dbmodule.ErrUnique) && !errors.Is(err, dbmodule.ErrConflict) {
			return err
		}
		if err := w.pause(ctx, "a process on another node of the cluster"); err != nil {
			return err
		}
	}
}

// take inserts the row, in the place of one that has expired.
func (l *lease) take(ctx context.Context) error {
	if _, err := l.conn.NewRaw("DELETE FROM " + leaseTable + " WHERE id = 1 AND expires_at < UTC_TIMESTAMP(6)").Exec(ctx); err != nil {
		return err
	}
	_, err := l.conn.NewRaw("INSERT INTO "+leaseTable+" (id, owner, expires_at) VALUES (1, ?, "+leaseEnd+")", l.owner, leaseTerm.Microseconds()).Exec(ctx)
	return err
}

// leaseEnd is when a lease that is taken now ends, by the server's clock.
const leaseEnd = "UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND"

// renew prolongs the lease in a transaction of the run.
func (l *lease) renew(ctx context.Context, db bun.IDB) error {
	result, err := db.NewRaw("UPDATE "+leaseTable+" SET expires_at = "+leaseEnd+" WHERE id = 1 AND owner = ?", leaseTerm.Microseconds(), l.owner).Exec(ctx)
	if err != nil {
		return fmt.Errorf("renew the lock on revisions: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errLeaseLost, err)
	}
	return nil
}

// keep renews the lease while long statements run. A failure shows in the next
// record of progress.
func (l *lease) keep(ctx context.Context) {
	ticker := time.NewTicker(leaseRenew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = l.renew(ctx, l.conn)
		}
	}
}

// release frees the lease at once.
func (l *lease) release() error {
	l.stop()
	l.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), leaseRenew) //nolint:forbidigo // the run's own context may have ended, and the lease would then block the next for its whole term
	defer cancel()
	_, err := l.conn.NewRaw("DELETE FROM "+leaseTable+" WHERE id = 1 AND owner = ?", l.owner).Exec(ctx)
	if err != nil {
		err = fmt.Errorf("migrate: release the lock on revisions: %w", err)
	}
	return errors.Join(err, giveBack(l.conn))
}
