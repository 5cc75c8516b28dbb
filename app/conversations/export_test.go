package conversations

import (
	"context"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/zap"
)

// Way is a way.
type Way = way

// TitleWay is that of a seldom text within titles, StatusWay that of a seldom status.
var TitleWay, StatusWay = way{column: titleColumn}, way{column: statusColumn}

// Usual is firstWay.
func (f Filter) Usual() Way { return f.firstWay() }

// Looked is how many ranges of times may have to be looked at to choose the way.
func (f Filter) Looked(order string) int { return len(f.ranges(sortingOf(order))) }

// Index is index.
func (w way) Index(order string) string { return w.index(sortingOf(order)) }

// Chosen is the way that is chosen.
func (f Filter) Chosen(ctx context.Context, db bun.IDB, order string) (Way, error) {
	p, err := placeOf(order, "")
	if err != nil {
		return Way{}, err
	}
	return f.way(ctx, db, p)
}

// PageQuery is pageQuery.
func PageQuery(q *bun.SelectQuery, f Filter, w Way, order, pageID string, limit int) (*bun.SelectQuery, error) {
	p, err := placeOf(order, pageID)
	return pageQuery(q, f, w, p, limit), err
}

// Erase is erase.
func (d *Deleter) Erase(ctx context.Context, id string) error { return d.erase(ctx, id) }

// Correct is correct.
func (r *Corrector) Correct(ctx context.Context, id string) error { return r.correct(ctx, id) }

// Run is run, with sweeps in the order of their names, which are what is logged when they fail.
func Run(ctx context.Context, tick <-chan time.Time, log *zap.Logger, sweeps map[string]func(context.Context) error, names ...string) {
	var all []sweep
	for _, name := range names {
		all = append(all, sweep{sweeps[name], name})
	}
	run(ctx, tick, log, all...)
}
