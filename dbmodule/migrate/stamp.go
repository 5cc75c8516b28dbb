package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// stamp records where the database stands.
func (r *run) stamp(ctx context.Context, purge bool, targets []string) (steps []Step, err error) {
	steps, err = r.standing.stampSteps(purge, targets)
	if err != nil {
		return nil, err
	}
	var unfinished []int64
	for _, entry := range r.standing.running() {
		unfinished = append(unfinished, entry.ID)
	}
	err = r.recordTx(ctx, func(tx bun.Tx) error {
		if purge {
			if err := r.ledger.empty(ctx, tx); err != nil {
				return err
			}
		}
		if err := r.ledger.giveUp(ctx, tx, unfinished); err != nil {
			return err
		}
		for _, step := range steps {
			if err := r.ledger.move(ctx, tx, step); err != nil {
				return err
			}
			if err := r.recordStamp(ctx, tx, step); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("migrate: stamp %s: %w", list(targets), err)
	}
	return steps, nil
}

// stampSteps leaves the rows of other programs alone, unless all are purged or
// a target names one.
func (s *standing) stampSteps(purge bool, targets []string) ([]Step, error) {
	if purge {
		return s.graph.StampPlan(targets, nil)
	}
	if err := s.known(); err != nil {
		return nil, err
	}
	for _, row := range s.own.rows {
		if !slices.Contains(s.heads, row) {
			// A stranger depends on it, and has its row.
			return s.graph.StampPlan(targets, s.heads)
		}
	}
	steps, err := s.own.graph.StampPlan(targets, s.own.rows)
	var unknown *graph.UnknownRevisionError
	if errors.As(err, &unknown) && len(s.own.strangers) > 0 {
		return s.graph.StampPlan(targets, s.heads)
	}
	return steps, err
}

// recordStamp notes a stamped revision. A stamp of base has none and leaves no
// entry.
func (r *run) recordStamp(ctx context.Context, tx bun.Tx, step Step) error {
	if step.Revision == nil {
		return nil
	}
	return r.ledger.insert(ctx, tx, stampEntry(step, r.standing.contents, r.engine, r.m.build))
}

// stampEntry has the revision's SQL, as if it had been run.
func stampEntry(step Step, all contents, engine dbmodule.Engine, build string) *Entry {
	w, err := workOf(Step{Revision: step.Revision, Direction: graph.Upgrade}, all, engine, false)
	if err != nil {
		w = work{} // none to compare, or to take it back by
	}
	entry := newEntry(step, w, build)
	entry.finish(w)
	entry.Duration = 0
	return entry
}
