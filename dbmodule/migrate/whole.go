package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// inOneTransaction runs a step in one transaction, together with the changes to the version table
// and the history. So all of it is stored, or nothing.
func (r *run) inOneTransaction(ctx context.Context, p Progress, w work) error {
	return r.retryConflicts(ctx, p, func() error {
		return r.dialect.aroundTx(ctx, func(check func(tx bun.Tx) error) error {
			entry := newEntry(p.Step, w, r.m.build)
			err := r.transaction(ctx, func(tx bun.Tx) error {
				return r.insideTransaction(ctx, tx, p, w, entry, check)
			})
			return r.wrapped(err, p.Step)
		})
	})
}

// insideTransaction runs the step inside its transaction. check is the engine's check before
// COMMIT (see dialect.aroundTx).
func (r *run) insideTransaction(ctx context.Context, tx bun.Tx, p Progress, w work, entry *Entry, check func(bun.Tx) error) error {
	if err := r.dialect.prepare(ctx, tx, w.statements); err != nil {
		return err
	}
	if err := r.stillDue(ctx, tx, p.Step); err != nil {
		return err
	}
	if err := r.executeAll(ctx, tx, p, w); err != nil {
		return err
	}
	if err := check(tx); err != nil {
		return err
	}
	if err := r.dialect.resetSettings(ctx, tx, true); err != nil {
		return err
	}
	if err := r.ledger.move(ctx, tx, p.Step); err != nil {
		return err
	}
	entry.finish(w)
	return r.ledger.insert(ctx, tx, entry)
}

// stillDue reads the version table again, inside the transaction. If another process has run
// the step meanwhile, it returns errAlreadyDone. That process may be a newer build, which has gone on
// with revisions that only the history knows by now.
func (r *run) stillDue(ctx context.Context, db bun.IDB, step Step) error {
	heads, err := r.ledger.heads(ctx, db)
	if err != nil {
		return err
	}
	known := r.state.graph
	if slices.ContainsFunc(heads, func(head string) bool { return !known.Has(head) }) {
		now, err := r.m.read(ctx, db)
		if err != nil {
			return err
		}
		known = now.graph
	}
	applied, err := known.Applied(heads)
	if err != nil {
		return errors.Join(errMoved, err)
	}
	isApplied := false
	for _, revision := range applied {
		isApplied = isApplied || revision.ID == step.Revision.ID
	}
	if isApplied == (step.Direction != graph.Downgrade) {
		return errAlreadyDone
	}
	return nil
}

// executeAll runs the step's Go code or all its statements, in a transaction.
func (r *run) executeAll(ctx context.Context, tx bun.Tx, p Progress, w work) error {
	if w.code != nil {
		if err := w.code(ctx, tx); err != nil {
			return &StatementError{Revision: p.Step.Revision, Direction: p.Step.Direction, Kept: !r.dialect.transactionalDDL(), cause: err}
		}
		return nil
	}
	for i := range w.statements {
		if err := r.dialect.execute(ctx, tx, w, i); err != nil {
			return r.failed(p.Step, w, i, err, false)
		}
		p.Phase, p.Statement = PhaseStatement, i+1
		r.m.report(p)
	}
	return nil
}

// failed returns the StatementError for the failure of the i-th statement. kept says that the
// statements before it stay done.
func (r *run) failed(step Step, w work, i int, err error, kept bool) error {
	return &StatementError{
		Revision: step.Revision, Direction: step.Direction,
		File: w.file, Line: w.statements[i].Line, Statement: w.statements[i].Text,
		Index: i + 1, Total: len(w.statements), Kept: kept,
		Hint: r.hint(step, w.statements[:i+1], err), cause: err,
	}
}

// hint returns advice for the error of the last of the statements, "" if there is none. It
// recognises one cause itself: the statement is of a first revision, and creates a table that
// existed before. For other causes it asks the dialect.
func (r *run) hint(step Step, statements []Statement, err error) string {
	last := len(statements) - 1
	made := r.created(statements[last])
	madeBefore := slices.ContainsFunc(statements[:last], func(s Statement) bool { return r.created(s) == made })
	if len(r.state.heads) == 0 && step.Direction == graph.Upgrade && step.Revision.IsBase() && made != "" && !madeBefore && r.dialect.saysExists(err) {
		return fmt.Sprintf("%s was there before the first revision. If another tool made the whole schema, compare the two first (check --live tells how they differ); "+
			"only where the database has all that revision %s makes, record that by stamp %s", made, step.Revision.ID, step.Revision.ID)
	}
	return r.dialect.hint(err)
}

// created returns the name of the table that a statement creates, or "".
func (r *run) created(s Statement) string {
	const most = 9
	tokens := sqlscan.For(r.engine).First(s.Text, most)
	if len(tokens) < 3 || !tokens[0].Is("CREATE") || !slices.ContainsFunc(tokens[1:3], func(t sqlscan.Token) bool { return t.Is("TABLE") }) {
		return ""
	}
	name := ""
	for _, token := range tokens[2:] {
		if token.Is("(") || token.Is("AS", "LIKE", "SELECT") {
			break
		}
		if token.Kind != sqlscan.Symbol && !token.Is("TABLE", "IF", "NOT", "EXISTS") {
			name = strings.ToLower(strings.Trim(token.Text, "\"`[]"))
		}
	}
	return name
}

// wrapped returns the error with the step's revision, unless the error names it already.
func (r *run) wrapped(err error, step Step) error {
	var statement *StatementError
	var edited *EditedError
	var lost *LostSessionError
	switch {
	case err == nil || errors.Is(err, errAlreadyDone) || errors.As(err, &statement) || errors.As(err, &edited) || errors.As(err, &lost):
		return err
	case errors.Is(err, dbmodule.ErrCommitUnknown):
		return fmt.Errorf("migrate: %s revision %s: %w: it is applied whole or not at all; run the command again to find out", step.Direction, step.Revision.ID, err)
	}
	return fmt.Errorf("migrate: %s revision %s: %w", step.Direction, step.Revision.ID, err)
}
