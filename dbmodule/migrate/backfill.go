package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// BackfillFunc changes the next rows of a large table. db is a transaction for
// this piece alone, at READ COMMITTED. Its locks are released when the
// function returns, so that other programs wait for at most one piece. A few
// thousand rows are a good size.
//
// from says where the piece begins: it is "" for the first piece, and for each
// other piece the Next of the piece before. The runner stores Next in the transaction
// of its piece. So the run after a killed one resumes there, and no piece is stored
// twice.
//
// Other programs, including builds from before the revision, may write to the
// tables between two pieces.
type BackfillFunc func(ctx context.Context, db bun.IDB, from string) (Piece, error)

// Piece is the result of one call of a [BackfillFunc].
type Piece struct {
	// Next is where the next piece begins, in a form that the function chooses: valid
	// UTF-8 without NUL. It is ignored if Done.
	Next string
	// Rows is how many rows the call examined. It is reported as progress.
	Rows int64
	// Done says that this was the last piece.
	Done bool
}

// checkNext returns an error if no piece can begin at Next. from is where this piece began.
func (p Piece) checkNext(from string) error {
	switch {
	case p.Next == from:
		return fmt.Errorf("its Backfill did a piece from %q and returned the same text as Next: it would never end", from)
	case p.Next == "":
		return fmt.Errorf("its Backfill did a piece from %q and returned neither Next nor Done: it would begin again with the first piece", from)
	case !utf8.ValidString(p.Next) || strings.Contains(p.Next, "\x00"):
		return fmt.Errorf("its Backfill did a piece from %q and returned bytes as Next that are no text: write them as text, for example in hexadecimal", from)
	}
	return nil
}

// positionPrefix distinguishes the position of a backfill from hashes of statements.
const positionPrefix = "from "

// backfill runs a step piece by piece. It inserts the step's entry into the history first; each
// piece updates the entry with the position of the next one.
func (r *run) backfill(ctx context.Context, p Progress, w work) (err error) {
	release, err := r.dialect.lockRevision(ctx)
	if err != nil {
		return r.wrapped(err, p.Step)
	}
	defer func() { err = errors.Join(err, release()) }()
	entry, err := r.resume(ctx, p, w)
	if err != nil {
		return r.wrapped(err, p.Step)
	}
	began := time.Now()
	for done := false; !done; {
		var piece Piece
		var lasted time.Duration
		err := r.retryConflicts(ctx, p, func() (err error) {
			piece, lasted, err = r.onePiece(ctx, p, w, entry)
			return err
		})
		if err != nil {
			return r.wrapped(r.recordFailure(ctx, p, entry, err), p.Step)
		}
		done = piece.Done
		p.Phase, p.Statement, p.Rows, p.Elapsed = PhaseStatement, entry.StatementsDone, p.Rows+piece.Rows, time.Since(began)
		r.m.report(p)
		if !done && r.engine == dbmodule.SQLite {
			// Other processes try to lock the file now and then. To let them succeed, leave it
			// unlocked for as long as the piece had it locked.
			if err := sleep(ctx, lasted); err != nil {
				return r.wrapped(err, p.Step)
			}
		}
	}
	return nil
}

// onePiece runs one piece and stores the position of the next one. It reads the position in
// the same transaction, because on SQLite another process may run the same step. held is how
// long the transaction lasted, without the wait before it.
func (r *run) onePiece(ctx context.Context, p Progress, w work, entry *Entry) (piece Piece, lasted time.Duration, err error) {
	after := *entry
	var began time.Time
	err = r.transactionOn(ctx, r.conn, sql.LevelReadCommitted, func(tx bun.Tx) error {
		began = time.Now()
		if err := r.dialect.checkLock(ctx, tx); err != nil {
			return err
		}
		if err := r.dialect.prepare(ctx, tx, nil); err != nil {
			return err
		}
		if err := r.ledger.reread(ctx, tx, &after); err != nil {
			return err
		}
		if after.Status != StatusRunning {
			return errAlreadyDone
		}
		from, _ := strings.CutPrefix(after.DoneHashes, positionPrefix)
		if piece, err = w.backfill(ctx, tx, from); err != nil {
			return &StatementError{Revision: p.Step.Revision, Direction: p.Step.Direction, Index: after.StatementsDone + 1, Kept: true, cause: err}
		}
		after.Build = r.m.build
		after.StatementsDone++
		after.DoneHashes, after.Error = positionPrefix+piece.Next, ""
		if piece.Done {
			if err := r.ledger.move(ctx, tx, p.Step); err != nil {
				return err
			}
			pieces := after.StatementsDone
			after.finish(w)
			after.StatementsDone, after.StatementsTotal = pieces, pieces
		} else if err := piece.checkNext(from); err != nil {
			return err
		}
		return r.ledger.update(ctx, tx, &after)
	})
	if err == nil {
		*entry = after
	}
	return piece, time.Since(began), err
}

// backfillMatches returns an EditedError if an earlier run of the step ran SQL statements instead of
// a backfill.
func (e *Entry) backfillMatches(step graph.Step) error {
	if e.DoneHashes == "" || strings.HasPrefix(e.DoneHashes, positionPrefix) {
		return nil
	}
	return &EditedError{Revision: step.Revision, Direction: step.Direction, File: step.Revision.Folder, Index: 1, Done: e.StatementsDone}
}
