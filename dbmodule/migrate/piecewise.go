package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/internal/held"
)

// piecewise runs a step whose statements can't share a transaction, and
// records each one's completion, so that the next run goes on after it.
func (r *run) piecewise(ctx context.Context, p Progress, w work) (err error) {
	release, err := r.dialect.span(ctx)
	if err != nil {
		return r.named(err, p.Step)
	}
	defer func() { err = errors.Join(err, release()) }()
	entry, err := r.resume(ctx, p, w)
	if err != nil {
		return r.named(err, p.Step)
	}
	p.Statement = entry.StatementsDone
	for entry.StatementsDone < len(w.statements) {
		if err := r.piece(ctx, p, w, entry); err != nil {
			return r.named(r.noted(ctx, p, entry, err), p.Step)
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
	return r.named(err, p.Step)
}

// guarded runs Go code where DDL has no transactions. Its entry stands in the
// history from before it begins until it is complete.
func (r *run) guarded(ctx context.Context, p Progress, w work) error {
	entry, err := r.resume(ctx, p, w)
	if err != nil {
		return r.named(err, p.Step)
	}
	err = r.persist(ctx, p, func() error {
		after := *entry
		return r.lockedOn(ctx, r.conn, func(tx bun.Tx) error {
			if err := r.carryOut(ctx, tx, p, w); err != nil {
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
		err = r.noted(ctx, p, entry, err)
	}
	return r.named(err, p.Step)
}

// resume finds how far an earlier run of the step came, or begins it.
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
			if err := r.dialect.repeatable(ctx, w, entry.StatementsDone, len(w.statements)); err != nil {
				return nil, err
			}
		}
	}
	fresh := newEntry(step, w, r.m.build)
	entry.StartedAt, entry.Build, entry.Checksum, entry.DownSQL = fresh.StartedAt, fresh.Build, fresh.Checksum, fresh.DownSQL
	entry.StatementsTotal = fresh.StatementsTotal
	return entry, r.restoreSession(ctx, step, w, entry)
}

// restoreSession repeats the settings of an earlier run's session. It refuses to
// go on where the rest may need something of that session which can't be had
// again.
func (r *run) restoreSession(ctx context.Context, step Step, w work, entry *Entry) error {
	if entry.StatementsDone == 0 {
		return nil
	}
	programs, err := r.dialect.programs(ctx)
	if err != nil {
		return err
	}
	texts := make([]string, len(w.statements))
	for i, statement := range w.statements {
		texts[i] = statement.Text
	}
	repeat, loss := held.Resume(scanner(r.engine), texts, entry.StatementsDone, programs)
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

// piece runs the next statement, or those that one transaction can hold.
func (r *run) piece(ctx context.Context, p Progress, w work, entry *Entry) error {
	from := entry.StatementsDone
	if r.dialect.plain(w.statements[from]) {
		return r.plain(ctx, p, w, entry)
	}
	to := r.dialect.together(w.statements, from)
	if to == from {
		return r.alone(ctx, p, w, entry)
	}
	reached := from
	err := r.persist(ctx, p, func() error {
		if err := r.dialect.repeatable(ctx, w, from, reached); err != nil {
			return err
		}
		return r.dialect.around(ctx, func(check func(bun.Tx) error) error {
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
				if err := r.dialect.ownSettings(ctx, tx, false); err != nil {
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

// rowsInDoubt stands where a group of statements was rolled back or its outcome
// was not heard of: rows of tables without transactions may be there.
const rowsInDoubt = "rows"

// groupTime bounds how long a group of statements keeps the locks of its first.
const groupTime = time.Second

// group runs statements in one transaction. Where each can be kept without
// those after it, as on MySQL, one that fails leaves the ones before done: then
// failed says why, and err is nil.
func (r *run) group(ctx context.Context, tx bun.Tx, p Progress, w work, after *Entry, to int) (failed, err error) {
	began, from := time.Now(), after.StatementsDone
	for i := from; i < to; i++ {
		text := w.statements[i].Text
		if !r.dialect.atomic() && time.Since(began) > groupTime && !tellsOfLast(text) {
			return nil, nil
		}
		if err := r.dialect.execute(ctx, tx, w, i); err != nil {
			failure := r.failed(p.Step, w, i, err, i > 0)
			if r.dialect.atomic() || i == from || !isDefinite(err) || errors.Is(err, dbmodule.ErrConflict) {
				return nil, failure
			}
			return failure, nil
		}
		after.complete(text)
	}
	return nil, nil
}

// plain runs a statement of which nothing is left once its session ended, or
// that no other run may go on after. It is recorded with the next one that is.
func (r *run) plain(ctx context.Context, p Progress, w work, entry *Entry) error {
	i := entry.StatementsDone
	text := w.statements[i].Text
	if err := r.persist(ctx, p, func() error { return r.dialect.alone(ctx, w, i) }); err != nil {
		return r.failed(p.Step, w, i, err, i > 0)
	}
	entry.complete(text)
	if r.dialect.settles(text) {
		return r.store(ctx, p, entry)
	}
	return nil
}

// alone runs a statement that no transaction can hold. Whether it took effect
// is in doubt from the moment it is sent until its completion is recorded: a
// process that dies between the two leaves that to the next one. Each of the
// three is tried again by itself: a record that met another transaction must
// not have the statement run twice.
func (r *run) alone(ctx context.Context, p Progress, w work, entry *Entry) error {
	step, i := p.Step, entry.StatementsDone
	text := w.statements[i].Text
	before, err := r.dialect.fingerprint(ctx, text)
	if err != nil {
		return err
	}
	doubted, was, doubt := strings.Cut(entry.InDoubt, " ")
	// Unsure: it was sent once, and the schema is not what it was then.
	unsure := doubt && (before == "" || before != was)
	if unsure && doubted != hash(text) {
		return &EditedError{Revision: step.Revision, Direction: step.Direction, File: w.file, Index: i + 1, Done: i}
	}
	if !doubt || !unsure {
		if entry.InDoubt = hash(text) + " " + before; entry.InDoubt != doubted+" "+was {
			if err := r.store(ctx, p, entry); err != nil {
				return err
			}
		}
	}
	err = r.persist(ctx, p, func() error { return r.dialect.alone(ctx, w, i) })
	if unsure && err != nil && r.dialect.exists(err) {
		err = nil // its effect is there: it was the earlier run's
	}
	if err == nil {
		entry.complete(text)
		return r.store(ctx, p, entry)
	}
	if isDefinite(err) || r.engine == dbmodule.SQLite && ctx.Err() == nil {
		// The engine refused it: nothing is in doubt.
		entry.InDoubt = ""
	}
	return r.failed(step, w, i, err, true)
}

// store records how far the work is.
func (r *run) store(ctx context.Context, p Progress, entry *Entry) error {
	return r.record(ctx, p, func(tx bun.Tx) error { return r.ledger.update(ctx, tx, entry) })
}

// noted records why a step stopped, as far as the database still answers, and
// returns err.
func (r *run) noted(ctx context.Context, p Progress, entry *Entry, err error) error {
	entry.Error = err.Error()
	if noteErr := r.store(context.WithoutCancel(ctx), p, entry); noteErr != nil && isDefinite(noteErr) {
		return errors.Join(err, noteErr)
	}
	return err
}

// record is bookkeeping that is tried again while others' locks are in its way.
// On a Galera cluster they show at COMMIT.
func (r *run) record(ctx context.Context, p Progress, fn func(tx bun.Tx) error) error {
	return r.persist(ctx, p, func() error {
		return r.bookkeeping(ctx, func(tx bun.Tx) error {
			if err := r.dialect.ownSettings(ctx, tx, false); err != nil {
				return err
			}
			return fn(tx)
		})
	})
}

// bookkeeping runs fn in a transaction that fails once the lock is lost.
func (r *run) bookkeeping(ctx context.Context, fn func(tx bun.Tx) error) error {
	return r.lockedOn(ctx, r.bookConn(), fn)
}

func (r *run) lockedOn(ctx context.Context, conn bun.Conn, fn func(tx bun.Tx) error) error {
	return r.transactionOn(ctx, conn, r.dialect.isolation(), func(tx bun.Tx) error {
		if err := r.dialect.keepLock(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
}
