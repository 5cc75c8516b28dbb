package migrate

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// stamp records where the database stands.
func (r *run) stamp(ctx context.Context, purge bool, targets []string) (steps []Step, err error) {
	heads := r.standing.heads
	if purge {
		heads = nil
	} else if err := r.standing.known(); err != nil {
		return nil, err
	}
	steps, err = r.standing.graph.StampPlan(targets, heads)
	if err != nil {
		return nil, err
	}
	err = r.bookkeeping(ctx, func(tx bun.Tx) error {
		if purge {
			if _, err := tx.NewDelete().Model((*version)(nil)).Where("1 = 1").Exec(ctx); err != nil {
				return fmt.Errorf("empty %s: %w", versionTable, err)
			}
		}
		if _, err := tx.NewUpdate().Model((*Entry)(nil)).Set("status = ?", StatusGivenUp).Where("status = ?", StatusRunning).Exec(ctx); err != nil {
			return fmt.Errorf("write %s: %w", historyTable, err)
		}
		for _, step := range steps {
			if err := moveVersion(ctx, tx, step); err != nil {
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

// recordStamp notes a stamped revision. A stamp of base has none and leaves no
// entry.
func (r *run) recordStamp(ctx context.Context, tx bun.Tx, step Step) error {
	if step.Revision == nil {
		return nil
	}
	return stampEntry(step, r.standing.contents, r.engine, r.m.build).insert(ctx, tx)
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
