package migrate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"
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
	for entry.StatementsDone < len(w.statements) {
		if err := r.piece(ctx, p, w, entry); err != nil {
			return r.named(r.noted(ctx, p, entry, err), p.Step)
		}
		p.Phase, p.Statement = PhaseStatement, entry.StatementsDone
		r.m.report(p)
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
	step := p.Step
	err = r.record(ctx, p, func(tx bun.Tx) error {
		if err := r.stillDue(ctx, tx, step); err != nil {
			return err
		}
		entry, err = r.ledger.unfinished(ctx, tx, step.Revision.ID, step.Direction)
		if err != nil || entry != nil {
			return err
		}
		entry = newEntry(step, w, r.m.build)
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
	fresh := newEntry(step, w, r.m.build)
	entry.StartedAt, entry.Build, entry.Checksum, entry.DownSQL = fresh.StartedAt, fresh.Build, fresh.Checksum, fresh.DownSQL
	entry.StatementsTotal = fresh.StatementsTotal
	return entry, r.restoreSession(ctx, w, entry)
}

// reSession matches statements that change the session rather than the
// database: an earlier run's session is gone.
var reSession = regexp.MustCompile(`(?i)^(set|use|pragma)\b`)

func (r *run) restoreSession(ctx context.Context, w work, entry *Entry) error {
	for i := range entry.StatementsDone {
		if text := w.statements[i].Text; reSession.MatchString(text) {
			if err := execute(ctx, r.conn, text); err != nil {
				return fmt.Errorf("repeat %s: %w", firstWords(text), err)
			}
		}
	}
	return nil
}

// matches checks that what is done are the first statements of the work.
func (e *Entry) matches(step Step, w work) error {
	hashes := strings.Fields(e.DoneHashes)
	if slices.Contains(step.Revision.Replaces, e.Checksum) && len(hashes) > len(w.statements) {
		// It had more statements once. What they did is there, and in nobody's way.
		hashes = hashes[:len(w.statements)]
		e.StatementsDone, e.DoneHashes = len(hashes), strings.Join(hashes, "\n")+"\n"
	}
	for i, done := range hashes {
		if i >= len(w.statements) || hash(w.statements[i].Text) != done {
			return &EditedError{Revision: step.Revision, Direction: step.Direction, File: w.file, Index: i + 1, Done: e.StatementsDone}
		}
	}
	return nil
}

// piece runs the next statement, or those that one transaction can hold.
func (r *run) piece(ctx context.Context, p Progress, w work, entry *Entry) error {
	from := entry.StatementsDone
	to := r.dialect.together(w.statements, from)
	if to == from {
		return r.alone(ctx, p, w, entry)
	}
	return r.persist(ctx, p, func() error {
		return r.dialect.around(ctx, func(check func(bun.Tx) error) error {
			after := *entry
			err := r.lockedOn(ctx, r.conn, func(tx bun.Tx) error {
				if err := r.dialect.prepare(ctx, tx, w.statements[from:to]); err != nil {
					return err
				}
				for i := from; i < to; i++ {
					if err := r.dialect.execute(ctx, tx, w, i); err != nil {
						return r.failed(p.Step, w, i, err, from > 0)
					}
					after.complete(w.statements[i].Text)
				}
				if err := check(tx); err != nil {
					return err
				}
				if err := r.dialect.ownSettings(ctx, tx, false); err != nil {
					return err
				}
				return r.ledger.progress(ctx, tx, &after)
			})
			if err == nil {
				*entry = after
			}
			return err
		})
	})
}

// complete notes a statement that is done.
func (e *Entry) complete(text string) {
	e.StatementsDone++
	e.DoneHashes += hash(text) + "\n"
	e.InDoubt, e.Error = "", ""
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
	err = r.persist(ctx, p, func() error { return r.dialect.alone(ctx, text) })
	if unsure && err != nil && r.dialect.exists(err) {
		err = nil // its effect is there: it was the earlier run's
	}
	if err == nil {
		entry.complete(text)
		return r.store(ctx, p, entry)
	}
	if isDefinite(err) {
		// The server refused it: nothing is in doubt.
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
