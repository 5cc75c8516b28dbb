package compare

import (
	"slices"
	"time"

	"github.com/openhands-go/server/bench/load"
	"github.com/openhands-go/server/bench/peers"
)

// Figures are what one contender did on one engine.
type Figures struct {
	Peer    peers.Peer
	Version string
	Routes  map[load.Route]RouteFigures
	// Start is the time to serve with the schema in place, a median, and RSS
	// the memory held after all the load.
	Start time.Duration
	RSS   uint64
}

// RouteFigures are medians over the rounds.
type RouteFigures struct {
	// Rate is requests per second, and CPU the server's time per request.
	Rate float64
	CPU  time.Duration
	// RateRatio is Rate over the first contender's in the same round, and
	// CPUWorth the first contender's CPU over this one's: more is better.
	RateRatio, CPUWorth Ratio
	// Allocations are objects per request, 0 of one that does not tell.
	Allocations float64
	// Wait is the clients' 99th percentile.
	Wait time.Duration
}

// Ratio is a median, with the rounds' least and most.
type Ratio struct{ Median, Least, Most float64 }

func newFigures(c, measure *contender) Figures {
	f := Figures{
		Peer: c.peer, Version: c.child.Version,
		Routes: map[load.Route]RouteFigures{}, Start: median(c.starts),
	}
	for route, samples := range c.samples {
		of := measure.samples[route]
		f.Routes[route] = RouteFigures{
			Rate:        medianOf(samples, func(s sample) float64 { return s.rate }),
			CPU:         medianOf(samples, func(s sample) time.Duration { return s.cpu }),
			RateRatio:   ratio(samples, of, func(s, m sample) float64 { return s.rate / m.rate }),
			CPUWorth:    ratio(samples, of, func(s, m sample) float64 { return float64(m.cpu) / float64(max(s.cpu, 1)) }),
			Allocations: medianOf(samples, func(s sample) float64 { return s.allocations }),
			Wait:        medianOf(samples, func(s sample) time.Duration { return s.wait }),
		}
	}
	return f
}

// ratio compares what was measured in the same round: what slowed a round down
// slowed both.
func ratio(samples, measure []sample, of func(s, m sample) float64) Ratio {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = of(samples[i], measure[i])
	}
	if len(values) == 0 {
		return Ratio{}
	}
	return Ratio{Median: median(values), Least: slices.Min(values), Most: slices.Max(values)}
}
