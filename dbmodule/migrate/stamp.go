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

// stamp records the targets as the database's revisions. It marks incomplete entries as given
// up.
func (r *run) stamp(ctx context.Context, purge bool, targets []string) (steps []Step, err error) {
	steps, err = r.state.stampSteps(purge, targets)
	if err != nil {
		return nil, err
	}
	var unfinished []int64
	for _, entry := range r.state.running() {
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

// stampSteps returns the steps of a stamp. They leave the rows of other programs, unless purge
// empties the version table or a target names another program's revision.
func (s *dbState) stampSteps(purge bool, targets []string) ([]Step, error) {
	if purge {
		return s.graph.StampPlan(targets, nil)
	}
	if err := s.checkKnown(); err != nil {
		return nil, err
	}
	for _, row := range s.own.rows {
		if !slices.Contains(s.heads, row) {
			// Another program's revision depends on this one, so only that revision has a row.
			return s.graph.StampPlan(targets, s.heads)
		}
	}
	steps, err := s.own.graph.StampPlan(targets, s.own.rows)
	var unknown *graph.UnknownRevisionError
	if errors.As(err, &unknown) && len(s.own.others) > 0 {
		return s.graph.StampPlan(targets, s.heads)
	}
	return steps, err
}

// recordStamp inserts an entry for a stamped revision into the history. A stamp of base has no
// revision, and gets no entry.
func (r *run) recordStamp(ctx context.Context, tx bun.Tx, step Step) error {
	if step.Revision == nil {
		return nil
	}
	return r.ledger.insert(ctx, tx, stampEntry(step, r.state.contents, r.engine, r.m.build))
}

// stampEntry returns the history's entry for a stamped revision. It has the checksum and the
// downgrade SQL, as if the revision had run.
func stampEntry(step Step, all contents, engine dbmodule.Engine, build string) *Entry {
	w, err := workOf(Step{Revision: step.Revision, Direction: graph.Upgrade}, all, engine, false)
	if err != nil {
		w = work{} // the revision has no SQL for this engine: record no checksum and no downgrade
	}
	entry := newEntry(step, w, build)
	entry.finish(w)
	entry.Duration = 0
	return entry
}
