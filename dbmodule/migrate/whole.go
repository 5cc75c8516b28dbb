package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// whole runs a step in one transaction, with its version row and its history:
// all of it is stored or nothing. On MySQL that is so for Go code without DDL.
func (r *run) whole(ctx context.Context, p Progress, w work) error {
	return r.persist(ctx, p, func() error {
		return r.dialect.around(ctx, func(check func(tx bun.Tx) error) error {
			entry := newEntry(p.Step, w, r.m.build)
			err := r.transaction(ctx, func(tx bun.Tx) error {
				return r.inside(ctx, tx, p, w, entry, check)
			})
			return r.named(err, p.Step)
		})
	})
}

// inside is what happens in the transaction. check is the engine's last look.
func (r *run) inside(ctx context.Context, tx bun.Tx, p Progress, w work, entry *Entry, check func(bun.Tx) error) error {
	if err := r.dialect.prepare(ctx, tx, w.statements); err != nil {
		return err
	}
	if err := r.stillDue(ctx, tx, p.Step); err != nil {
		return err
	}
	if err := r.carryOut(ctx, tx, p, w); err != nil {
		return err
	}
	if err := check(tx); err != nil {
		return err
	}
	if err := r.dialect.ownSettings(ctx, tx, true); err != nil {
		return err
	}
	if err := r.ledger.move(ctx, tx, p.Step); err != nil {
		return err
	}
	entry.finish(w)
	return r.ledger.insert(ctx, tx, entry)
}

// stillDue looks again, inside the transaction, whether a step is to be done.
func (r *run) stillDue(ctx context.Context, db bun.IDB, step Step) error {
	heads, err := r.ledger.heads(ctx, db)
	if err != nil {
		return err
	}
	applied, err := r.standing.graph.Applied(heads)
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

// carryOut runs the code or the statements.
func (r *run) carryOut(ctx context.Context, tx bun.Tx, p Progress, w work) error {
	if w.code != nil {
		if err := w.code(ctx, tx); err != nil {
			return &StatementError{Revision: p.Step.Revision, Direction: p.Step.Direction, Kept: !r.dialect.atomic(), cause: err}
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

// failed describes the failure of a statement.
func (r *run) failed(step Step, w work, i int, err error, kept bool) error {
	return &StatementError{
		Revision: step.Revision, Direction: step.Direction,
		File: w.file, Line: w.statements[i].Line, Statement: w.statements[i].Text,
		Index: i + 1, Total: len(w.statements), Kept: kept,
		Hint: r.hint(step, w.statements[:i+1], err), cause: err,
	}
}

// hint helps with failures that have a usual cause: here, that the last of the
// statements makes what was there before any revision.
func (r *run) hint(step Step, statements []Statement, err error) string {
	last := len(statements) - 1
	made := r.created(statements[last])
	madeBefore := slices.ContainsFunc(statements[:last], func(s Statement) bool { return r.created(s) == made })
	if len(r.standing.heads) == 0 && step.Direction == graph.Upgrade && step.Revision.IsBase() && made != "" && !madeBefore && r.dialect.taken(err) {
		return fmt.Sprintf("%s was there before the first revision. If another tool made the whole schema, compare the two first (check --live tells how they differ); "+
			"only where the database has all that revision %s makes, record that by stamp %s", made, step.Revision.ID, step.Revision.ID)
	}
	return r.dialect.hint(err)
}

// created is the name of the table that a statement makes, or "".
func (r *run) created(s Statement) string {
	const most = 9
	tokens := scanner(r.engine).First(s.Text, most)
	if len(tokens) < 3 || !tokens[0].Is("CREATE") || !slices.ContainsFunc(tokens[1:3], func(t sqlscan.Token) bool { return t.Is("TABLE") }) {
		return ""
	}
	name := ""
	for _, token := range tokens[2:] {
		if token.IsSymbol("(") || token.Is("AS", "LIKE", "SELECT") {
			break
		}
		if token.Kind != sqlscan.Symbol && !token.Is("TABLE", "IF", "NOT", "EXISTS") {
			name = strings.ToLower(strings.Trim(token.Text, "\"`[]"))
		}
	}
	return name
}

// named wraps what is not about one statement.
func (r *run) named(err error, step Step) error {
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
