package scale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/stat"
)

// Options say how much is measured.
type Options struct {
	Small, Large int64
	// Used is how many conversations the probes go round in both databases.
	Used   int64
	Rounds int
	// Calls is how many requests a turn has.
	Calls int
	// Only leaves listings whose names have one of these texts, all if there are none.
	Only []string
}

// String is a line about them.
func (o Options) String() string {
	return fmt.Sprintf("medians of %d alternating rounds of %d requests, one after the other, about %d conversations.",
		o.Rounds, o.Calls, o.Used)
}

// Figures are what a probe cost.
type Figures struct {
	Probe string
	// Goal says that the goal is about it.
	Goal bool
	// Small and Large are medians of a request's time, Ratio is Large over
	// Small in the same round.
	Small, Large time.Duration
	Ratio        stat.Ratio
	// Plans are those of its statements in the large database.
	Plans []Plan
}

// Measure asks both databases the same in turns.
func Measure(ctx context.Context, small, large contract.Config, o Options) (_ []Figures, err error) {
	smallTarget, err := openTarget(ctx, small, o.Small, o.Used)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, smallTarget.close()) }()
	largeTarget, err := openTarget(ctx, large, o.Large, o.Used)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, largeTarget.close()) }()
	plans, err := newPlanner(ctx, large)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plans.close()) }()

	var all []Figures
	for _, p := range probes() {
		f := Figures{Probe: p.name, Goal: p.goal}
		var smalls, larges []time.Duration
		for round := range o.Rounds + 1 {
			s, err := smallTarget.turn(ctx, p, o.Calls, round)
			if err != nil {
				return nil, err
			}
			l, err := largeTarget.turn(ctx, p, o.Calls, round)
			if err != nil {
				return nil, err
			}
			if round > 0 { // the first fills caches
				smalls, larges = append(smalls, s), append(larges, l)
			}
		}
		f.Small, f.Large, f.Ratio = stat.Median(smalls), stat.Median(larges), stat.RatioOf(larges, smalls)
		if f.Plans, err = plans.of(ctx, p.build(largeTarget, 0)); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func openTarget(ctx context.Context, c contract.Config, rows, used int64) (*target, error) {
	s, err := openServer(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	t, err := newTarget(ctx, s, Data{Rows: rows}, used)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return t, nil
}

// turnLimit bounds a turn of a probe that turns out to be slow.
const turnLimit = time.Second

// turn returns the median of a probe's requests, made one after the other.
func (t *target) turn(ctx context.Context, p *probe, calls, round int) (time.Duration, error) {
	var took []time.Duration
	started := time.Now()
	for i := range calls {
		r := p.build(t, round*calls+i)
		began := time.Now()
		if _, err := t.do(ctx, r); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
		if time.Since(started) > turnLimit {
			break
		}
	}
	return stat.Median(took), nil
}
