package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/conntx"
)

// run is one run of a Migrator on one database.
type run struct {
	m      *Migrator
	db     *dbmodule.Database
	engine dbmodule.Engine
	// conn is the working connection, on which the present revision runs. It is open if
	// connected is set.
	conn      bun.Conn
	connected bool
	// records is the connection for the version table and the history; nil if they are written
	// on conn.
	records *bun.Conn
	dialect dialect
	ledger  *ledger
	state   *dbState
}

// errAlreadyDone means that another process has run the step. That can happen because the lock
// lasts for one revision only.
var errAlreadyDone = errors.New("already done")

// steps runs the steps, and returns those that it completed. It reads the statements of all
// steps before it runs the first one.
func (r *run) steps(ctx context.Context, steps []Step) (done []Step, err error) {
	works := make([]work, len(steps))
	for i, step := range steps {
		if works[i], err = workOf(step, r.state.contents, r.engine, slices.Contains(r.state.foreign, step.Revision.ID)); err != nil {
			return nil, err
		}
	}
	for i, step := range steps {
		began := time.Now()
		p := Progress{Phase: PhaseRunning, Step: step, Index: i + 1, Total: len(steps), Statements: len(works[i].statements)}
		r.m.report(p)
		if i > 0 {
			if err := r.connect(ctx); err != nil {
				return done, err
			}
		}
		err := r.step(ctx, p, works[i])
		if errors.Is(err, errAlreadyDone) {
			continue
		}
		if err != nil {
			return done, err
		}
		done = append(done, step)
		p.Phase, p.Statement, p.Elapsed = PhaseDone, p.Statements, time.Since(began)
		r.m.report(p)
	}
	return done, nil
}

// step runs one step, in one transaction if possible.
func (r *run) step(ctx context.Context, p Progress, w work) error {
	switch {
	case w.backfill != nil:
		return r.backfill(ctx, p, w)
	case r.dialect.transactionalDDL() && !w.hasNoTransaction():
		return r.inOneTransaction(ctx, p, w)
	case w.code != nil:
		return r.codeWithRecord(ctx, p, w)
	}
	return r.statementByStatement(ctx, p, w)
}

const (
	// maxAttempts limits how often a revision, or on MySQL a statement, is tried if it conflicts
	// with other transactions.
	maxAttempts = 5
	// lockPause is the pause between two attempts to take a lock.
	lockPause = 200 * time.Millisecond
	// reportEvery is the least time between two reports of a wait.
	reportEvery = 2 * time.Second
)

// retryConflicts calls attempt until it returns no dbmodule.ErrConflict, at most maxAttempts
// times. It does not retry a commit of unknown outcome.
func (r *run) retryConflicts(ctx context.Context, p Progress, attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		if n == maxAttempts || !errors.Is(err, dbmodule.ErrConflict) || errors.Is(err, dbmodule.ErrCommitUnknown) {
			return err
		}
		p.Phase, p.Detail = PhaseRetry, reasonOf(err)
		r.m.report(p)
		if waitErr := sleep(ctx, time.Duration(n)*lockPause); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
}

// reasonOf returns the short text of an error, for progress reports.
func reasonOf(err error) string {
	var statement *StatementError
	if errors.As(err, &statement) {
		return statement.reason()
	}
	var said *dbmodule.Error
	if errors.As(err, &said) {
		return strings.TrimPrefix(said.Error(), "dbmodule: ")
	}
	return err.Error()
}

// transaction runs fn in a transaction on the working connection. It waits for the lock that
// lasts one transaction, and on SQLite for other writers, until ctx ends.
func (r *run) transaction(ctx context.Context, fn func(tx bun.Tx) error) error {
	return r.transactionOn(ctx, r.conn, r.dialect.isolation(), fn)
}

// transactionOn is transaction on any connection, with an isolation level.
func (r *run) transactionOn(ctx context.Context, conn bun.Conn, level sql.IsolationLevel, fn func(tx bun.Tx) error) error {
	tx, err := r.begin(ctx, conn, level)
	if err != nil {
		return err
	}
	return tx.Run(fn)
}

// begin begins a transaction and takes the lock that lasts one transaction. It waits for the
// lock until ctx ends.
func (r *run) begin(ctx context.Context, conn bun.Conn, level sql.IsolationLevel) (*conntx.Tx, error) {
	w := r.waiting()
	for {
		tx, holder, err := r.tryBegin(ctx, conn, level)
		if err == nil && holder == "" {
			return tx, nil
		}
		if err != nil {
			return nil, fmt.Errorf("begin: %w", err)
		}
		if err := w.pause(ctx, holder); err != nil {
			return nil, fmt.Errorf("wait for %s: %w", holder, err)
		}
	}
}

// tryBegin is begin without waiting. If another process has the lock, holder describes that
// process, and there is no transaction.
func (r *run) tryBegin(ctx context.Context, conn bun.Conn, level sql.IsolationLevel) (tx *conntx.Tx, holder string, err error) {
	tx, err = conntx.Begin(ctx, conn, &sql.TxOptions{Isolation: level})
	if err != nil {
		if r.engine == dbmodule.SQLite && errors.Is(err, dbmodule.ErrConflict) {
			return nil, "another process that writes to the file", nil
		}
		return nil, "", err
	}
	got, holder, err := r.dialect.lockTx(ctx, tx.Tx)
	if got {
		return tx, "", nil
	}
	return nil, holder, errors.Join(err, tx.Rollback())
}

// lockWait is a wait for another process. It reports itself every few seconds.
type lockWait struct {
	run             *run
	since, reported time.Time // when the wait began, and its last report
}

func (r *run) waiting() *lockWait { return &lockWait{run: r, since: time.Now()} }

// pause waits for lockPause. It returns an error if ctx ends.
func (w *lockWait) pause(ctx context.Context, holder string) error {
	if time.Since(w.reported) >= reportEvery {
		w.reported = time.Now()
		w.run.m.report(Progress{Phase: PhaseWaiting, Elapsed: time.Since(w.since), Detail: holder})
	}
	return sleep(ctx, lockPause)
}

// sleep waits for d. It returns an error if ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// execute sends a statement unchanged. Bun replaces no placeholders in it.
func execute(ctx context.Context, db bun.IDB, statement string) error {
	_, err := db.ExecContext(ctx, "?", bun.Safe(statement))
	return err
}
