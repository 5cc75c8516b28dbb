// Package compare runs the contenders side by side and tells how they did.
package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/load"
	"github.com/openhands-go/server/bench/peers"
)

// Options say how much is measured.
type Options struct {
	// Programs is the folder with the contenders' programs.
	Programs string
	Peers    []peers.Peer
	// Rounds is how often each contender gets its turn, each for Duration a
	// route.
	Rounds      int
	Duration    time.Duration
	Connections int
	// Rows is how many events there are at first.
	Rows int64
	// Idle is with how many idle connections this project's memory is measured, and that
	// of the contender that all are compared with.
	Idle int
	// Profiles, if not empty, is a folder that gets a CPU profile of each
	// contender in Go on each route, after the measured rounds.
	Profiles string
	// Progress gets a line now and then; Stderr what contenders complain of.
	Progress, Stderr io.Writer
}

// sample is one contender's turn on one route.
type sample struct {
	rate        float64
	cpu         time.Duration
	allocations float64
	wait        time.Duration
}

func (s sample) rateOf() float64        { return s.rate }
func (s sample) cpuOf() time.Duration   { return s.cpu }
func (s sample) allocationsOf() float64 { return s.allocations }
func (s sample) waitOf() time.Duration  { return s.wait }

// contender is a peer at work.
type contender struct {
	peer    peers.Peer
	command []string
	config  contract.Config
	child   *gauge.Child
	starts  []time.Duration
	samples map[load.Route][]sample
}

// Run measures all contenders on an engine, the first of which is what the
// others are compared with. Each round gives all of them their
// turn, one after the other, so that what else the machine does meets all
// alike. They are processes of their own, and those that wait do nothing.
func Run(ctx context.Context, e *engine.Engine, o Options) (_ []Figures, err error) {
	var all []*contender
	defer func() {
		for _, c := range all {
			if c.child != nil {
				err = errors.Join(err, c.child.Stop())
			}
		}
	}()
	for _, peer := range o.Peers {
		c := &contender{peer: peer, samples: map[load.Route][]sample{}}
		if c.command, err = peer.Command(ctx, o.Programs, e.Config()); errors.Is(err, peers.ErrUnavailable) {
			_, _ = fmt.Fprintf(o.Progress, "%s: skipped %s\n", e.Version, err)
			continue
		} else if err != nil {
			return nil, err
		}
		if c.config, err = e.Database(ctx, peer.Name); err != nil {
			return nil, err
		}
		if err := contract.Seed(ctx, c.config, o.Rows); err != nil {
			return nil, err
		}
		all = append(all, c)
		if err := c.launch(ctx, o); err != nil {
			return nil, err
		}
		// The first requests fill caches, pools and the heap.
		if _, err := c.turn(ctx, o, o.Duration/2); err != nil {
			return nil, err
		}
	}
	for round := range o.Rounds {
		began := time.Now()
		// Each round another one begins.
		first := round % len(all)
		for _, c := range slices.Concat(all[first:], all[:first]) {
			samples, err := c.turn(ctx, o, o.Duration)
			if err != nil {
				return nil, err
			}
			for route, s := range samples {
				c.samples[route] = append(c.samples[route], s)
			}
		}
		_, _ = fmt.Fprintf(o.Progress, "%s: round %d of %d took %s\n", e.Version, round+1, o.Rounds, time.Since(began).Round(time.Second/10))
	}
	if err := profileAll(ctx, e, o, all); err != nil {
		return nil, err
	}
	figures := make([]Figures, len(all))
	for i, c := range all {
		rss, err := c.child.RSS(ctx)
		if err != nil {
			return nil, err
		}
		figures[i] = newFigures(c, all[0])
		figures[i].RSS = rss
		if i == 0 || c.peer.Ours {
			if err := c.idle(ctx, o, &figures[i]); err != nil {
				return nil, err
			}
		}
	}
	return figures, nil
}

// idle measures the memory with many idle connections.
func (c *contender) idle(ctx context.Context, o Options, f *Figures) (err error) {
	if o.Idle == 0 {
		return nil
	}
	crowd, err := load.Gather(ctx, c.child.Addr, o.Idle)
	defer func() { err = errors.Join(err, crowd.Close()) }()
	if err != nil {
		return fmt.Errorf("compare: %s: %w", c.peer.Name, err)
	}
	f.IdleConnections = o.Idle
	f.Idle, err = c.child.RSS(ctx)
	return err
}

// starts is how often a contender's start is measured.
const starts = 3

// launch starts the contender several times, since a start can only be
// measured by starting, and keeps the last one.
func (c *contender) launch(ctx context.Context, o Options) error {
	for range starts {
		if c.child != nil {
			if err := c.child.Stop(); err != nil {
				return err
			}
			c.child = nil
		}
		child, err := gauge.Launch(ctx, c.command, c.config.URL, o.Stderr)
		if err != nil {
			return err
		}
		c.child = child
		c.starts = append(c.starts, child.Start)
	}
	return nil
}

// turn puts all routes of a contender under load.
func (c *contender) turn(ctx context.Context, o Options, d time.Duration) (map[load.Route]sample, error) {
	target := load.Target{Addr: c.child.Addr, Rows: o.Rows, Connections: o.Connections}
	samples := map[load.Route]sample{}
	for _, route := range load.Routes() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		before, err := c.child.Usage(ctx)
		if err != nil {
			return nil, err
		}
		result, err := target.Run(route, d)
		if err != nil {
			return nil, fmt.Errorf("compare: %s: %w", c.peer.Name, err)
		}
		after, err := c.child.Usage(ctx)
		if err != nil {
			return nil, err
		}
		n := result.Requests
		samples[route] = sample{
			rate:        result.PerSecond(),
			cpu:         (after.CPU - before.CPU) / time.Duration(max(n, 1)),
			allocations: float64(after.Allocations-before.Allocations) / float64(max(n, 1)),
			wait:        result.P99,
		}
	}
	return samples, nil
}
