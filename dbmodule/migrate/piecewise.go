package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
	"github.com/openhands-go/server/dbmodule/migrate/internal/held"
)

// statementByStatement runs a step whose statements can't share one transaction. It records
// the completion of each statement, so that a later run continues after it.
func (r *run) statementByStatement(ctx context.Context, p Progress, w work) (err error) {
	release, err := r.dialect.lockRevision(ctx)
	if err != nil {
		return r.wrapped(err, p.Step)
	}
	defer func() { err = errors.Join(err, release()) }()
	entry, err := r.resume(ctx, p, w)
	if err != nil {
		return r.wrapped(err, p.Step)
	}
	p.Statement = entry.StatementsDone
	for entry.StatementsDone < len(w.statements) {
		if err := r.nextStatements(ctx, p, w, entry); err != nil {
			return r.wrapped(r.recordFailure(ctx, p, entry, err), p.Step)
		}
		for p.Phase = PhaseStatement; p.Statement < entry.StatementsDone; {
			p.Statement++
			r.m.report(p)
		}
	}
	err = r.record(ctx, p, func(tx bun.Tx) error {
		if err := r.ledger.move(ctx, tx, p.Step); err != nil {
			return err
		}
		entry.finish(w)
		return r.ledger.update(ctx, tx, entry)
	})
	return r.wrapped(err, p.Step)
}

// codeWithRecord runs the Go code of a step on an engine without transactional DDL. It inserts
// the step's entry into the history before the code runs, and completes the entry in the code's
// transaction.
func (r *run) codeWithRecord(ctx context.Context, p Progress, w work) error {
	entry, err := r.resume(ctx, p, w)
	if err != nil {
		return r.wrapped(err, p.Step)
	}
	err = r.retryConflicts(ctx, p, func() error {
		after := *entry
		return r.lockedOn(ctx, r.conn, func(tx bun.Tx) error {
			if err := r.executeAll(ctx, tx, p, w); err != nil {
				return err
			}
			if err := r.ledger.move(ctx, tx, p.Step); err != nil {
				return err
			}
			after.finish(w)
			return r.ledger.update(ctx, tx, &after)
		})
	})
	if err != nil {
		err = r.recordFailure(ctx, p, entry, err)
	}
	return r.wrapped(err, p.Step)
}

// resume returns the history's entry of a step that an earlier run did not finish, or inserts
// a new one.
func (r *run) resume(ctx context.Context, p Progress, w work) (entry *Entry, err error) {
	step, begun := p.Step, false
	err = r.record(ctx, p, func(tx bun.Tx) error {
		if err := r.stillDue(ctx, tx, step); err != nil {
			return err
		}
		entry, err = r.ledger.unfinished(ctx, tx, step.Revision.ID, step.Direction)
		if err != nil || entry != nil {
			return err
		}
		entry, begun = newEntry(step, w, r.m.build), true
		return r.ledger.insert(ctx, tx, entry)
	})
	if err != nil {
		return nil, err
	}
	if w.backfill != nil {
		return entry, entry.backfillMatches(step)
	}
	if err := entry.matches(step, w); err != nil {
		return nil, err
	}
	if !begun {
		if entry.Error == "" || entry.InDoubt == rowsInDoubt {
			if err := r.dialect.checkNoRowsLeft(ctx, w, entry.StatementsDone, len(w.statements)); err != nil {
				return nil, err
			}
		}
	}
	fresh := newEntry(step, w, r.m.build)
	entry.StartedAt, entry.Build, entry.Checksum, entry.DownSQL = fresh.StartedAt, fresh.Build, fresh.Checksum, fresh.DownSQL
	entry.StatementsTotal = fresh.StatementsTotal
	return entry, r.restoreSession(ctx, step, w, entry)
}

// restoreSession repeats statements with which an earlier run changed settings of its session.
// If the remaining statements may need anything else of that session, it returns a
// LostSessionError.
func (r *run) restoreSession(ctx context.Context, step Step, w work, entry *Entry) error {
	if entry.StatementsDone == 0 {
		return nil
	}
	programs, err := r.dialect.hasTriggersOrRoutines(ctx)
	if err != nil {
		return err
	}
	texts := make([]string, len(w.statements))
	for i, statement := range w.statements {
		texts[i] = statement.Text
	}
	repeat, loss := held.Resume(sqlscan.For(r.engine), texts, entry.StatementsDone, programs)
	if loss != nil {
		return &LostSessionError{
			Revision: step.Revision, Direction: step.Direction, File: w.file, Done: entry.StatementsDone, What: loss.What,
			Made: loss.Made + 1, Maker: texts[loss.Made], Needed: loss.Needed + 1, Needs: texts[loss.Needed],
		}
	}
	for _, i := range repeat {
		if err := execute(ctx, r.conn, texts[i]); err != nil && codeOf(err) != emptyStatement {
			return fmt.Errorf("repeat %s: %w", firstWords(texts[i]), err)
		}
	}
	return nil
}

// nextStatements runs the next statement, or the next group of statements that can share a
// transaction.
func (r *run) nextStatements(ctx context.Context, p Progress, w work, entry *Entry) error {
	from := entry.StatementsDone
	if r.dialect.needsNoRecord(w.statements[from]) {
		return r.sessionStatement(ctx, p, w, entry)
	}
	to := r.dialect.groupEnd(w.statements, from)
	if to == from {
		return r.statementAlone(ctx, p, w, entry)
	}
	reached := from
	err := r.retryConflicts(ctx, p, func() error {
		if err := r.dialect.checkNoRowsLeft(ctx, w, from, reached); err != nil {
			return err
		}
		return r.dialect.aroundTx(ctx, func(check func(bun.Tx) error) error {
			after := *entry
			var failed error
			err := r.lockedOn(ctx, r.conn, func(tx bun.Tx) (err error) {
				if err := r.dialect.prepare(ctx, tx, w.statements[from:to]); err != nil {
					return err
				}
				failed, err = r.group(ctx, tx, p, w, &after, to)
				reached = after.StatementsDone
				if err != nil {
					return err
				}
				if err := check(tx); err != nil {
					return err
				}
				if err := r.dialect.resetSettings(ctx, tx, false); err != nil {
					return err
				}
				return r.ledger.progress(ctx, tx, &after)
			})
			if err != nil {
				return err
			}
			*entry = after
			return failed
		})
	})
	if err != nil && entry.StatementsDone == from && (reached > from || !isDefinite(err)) {
		entry.InDoubt = rowsInDoubt
	}
	return err
}

// rowsInDoubt is the Entry.InDoubt of a step if a group of its statements was rolled back, or if
// the group's COMMIT got no answer. Tables without transactions may have kept changed rows.
const rowsInDoubt = "rows"

// groupTime limits how long a group of statements holds its locks.
const groupTime = time.Second

// group runs the statements before index to in one transaction, and adds those that succeed to
// the entry. If a later statement fails on MySQL, the caller is to commit those before it: then
// failed is the statement's error, and err is nil. On MySQL the group also ends after groupTime.
func (r *run) group(ctx context.Context, tx bun.Tx, p Progress, w work, after *Entry, to int) (failed, err error) {
	began, from := time.Now(), after.StatementsDone
	for i := from; i < to; i++ {
		text := w.statements[i].Text
		if !r.dialect.transactionalDDL() && time.Since(began) > groupTime && !usesLastResult(text) {
			return nil, nil
		}
		if err := r.dialect.execute(ctx, tx, w, i); err != nil {
			failure := r.failed(p.Step, w, i, err, i > 0)
			if r.dialect.transactionalDDL() || i == from || !isDefinite(err) || errors.Is(err, dbmodule.ErrConflict) {
				return nil, failure
			}
			return failure, nil
		}
		after.complete(text)
	}
	return nil, nil
}

// sessionStatement runs a statement whose effect ends with the session. The record of the next
// other statement includes it, unless the dialect records it at once.
func (r *run) sessionStatement(ctx context.Context, p Progress, w work, entry *Entry) error {
	i := entry.StatementsDone
	text := w.statements[i].Text
	if err := r.retryConflicts(ctx, p, func() error { return r.dialect.executeAlone(ctx, w, i) }); err != nil {
		return r.failed(p.Step, w, i, err, i > 0)
	}
	entry.complete(text)
	if r.dialect.recordsAtOnce(text) {
		return r.store(ctx, p, entry)
	}
	return nil
}

// statementAlone runs a statement that can't run in a transaction. It records that the
// statement is in doubt, runs it, and records that it is complete. If the process dies before
// the last record, the next run finds out whether the statement took effect. After a conflict
// each of the three is repeated alone: the statement must not run twice because its record
// failed.
func (r *run) statementAlone(ctx context.Context, p Progress, w work, entry *Entry) error {
	step, i := p.Step, entry.StatementsDone
	text := w.statements[i].Text
	fingerprintNow, err := r.dialect.fingerprint(ctx, text)
	if err != nil {
		return err
	}
	doubtedHash, fingerprintThen, inDoubt := strings.Cut(entry.InDoubt, " ")
	// unsure means that an earlier run sent the statement, and that the schema has changed since
	// then, or that the engine can't tell.
	unsure := inDoubt && (fingerprintNow == "" || fingerprintNow != fingerprintThen)
	if unsure && doubtedHash != hash(text) {
		return &EditedError{Revision: step.Revision, Direction: step.Direction, File: w.file, Index: i + 1, Done: i}
	}
	if unsure && r.dialect.canRunTwice(text) {
		return fmt.Errorf("%s line %d: a run broke off while statement %d of %d ran, %s: it may be done, and then it would be done twice, since it gives what it adds no name or swaps names: "+
			"look whether it is done, complete the revision by hand, and stamp it", w.file, w.statements[i].Line, i+1, len(w.statements), firstWords(text))
	}
	if !inDoubt || !unsure {
		if entry.InDoubt = hash(text) + " " + fingerprintNow; entry.InDoubt != doubtedHash+" "+fingerprintThen {
			if err := r.store(ctx, p, entry); err != nil {
				return err
			}
		}
	}
	err = r.retryConflicts(ctx, p, func() error { return r.dialect.executeAlone(ctx, w, i) })
	if unsure && err != nil && r.dialect.saysDone(err) {
		err = nil // the earlier run's statement took effect
	}
	if err == nil {
		entry.complete(text)
		return r.store(ctx, p, entry)
	}
	waited := errors.Is(err, dbmodule.ErrConflict) || errors.Is(err, dbmodule.ErrTimeout)
	switch {
	case unsure && waited:
		// The statement waited in vain, perhaps for the earlier run's: the server may still run that.
	case isDefinite(err) || r.engine == dbmodule.SQLite && ctx.Err() == nil:
		// The engine refused the statement: nothing is in doubt.
		entry.InDoubt = ""
	}
	return r.failed(step, w, i, err, true)
}

// store writes the entry to the history.
func (r *run) store(ctx context.Context, p Progress, entry *Entry) error {
	return r.record(ctx, p, func(tx bun.Tx) error { return r.ledger.update(ctx, tx, entry) })
}

// recordFailure writes the reason why a step stopped to the history, if the database still
// answers. It returns err, joined with an error of that write.
func (r *run) recordFailure(ctx context.Context, p Progress, entry *Entry, err error) error {
	entry.Error = err.Error()
	if noteErr := r.store(context.WithoutCancel(ctx), p, entry); noteErr != nil && isDefinite(noteErr) {
		return errors.Join(err, noteErr)
	}
	return err
}

// record runs fn in a transaction on the connection for records, with the settings of a new
// connection. It runs fn again after a conflict, which on a Galera cluster COMMIT reports.
func (r *run) record(ctx context.Context, p Progress, fn func(tx bun.Tx) error) error {
	return r.retryConflicts(ctx, p, func() error {
		return r.recordTx(ctx, func(tx bun.Tx) error {
			if err := r.dialect.resetSettings(ctx, tx, false); err != nil {
				return err
			}
			return fn(tx)
		})
	})
}

// recordTx runs fn in a transaction on the connection for records. It returns an error if the
// run's lock is lost.
func (r *run) recordTx(ctx context.Context, fn func(tx bun.Tx) error) error {
	return r.lockedOn(ctx, r.recordConn(), fn)
}

// lockedOn runs fn in a transaction on conn. It returns an error if the run's lock is lost.
func (r *run) lockedOn(ctx context.Context, conn bun.Conn, fn func(tx bun.Tx) error) error {
	return r.transactionOn(ctx, conn, r.dialect.isolation(), func(tx bun.Tx) error {
		if err := r.dialect.checkLock(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
}
