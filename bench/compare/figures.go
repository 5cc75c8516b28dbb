package compare

import (
	"time"

	"github.com/openhands-go/server/bench/load"
	"github.com/openhands-go/server/bench/peers"
	"github.com/openhands-go/server/bench/stat"
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
	// Idle is the memory held with IdleConnections that have had an answer and wait; 0
	// where that was not measured.
	Idle            uint64
	IdleConnections int
}

// RouteFigures are medians over the rounds.
type RouteFigures struct {
	// Rate is requests per second, and CPU the server's time per request.
	Rate float64
	CPU  time.Duration
	// Rates and CPUs are those of each round.
	Rates []float64
	CPUs  []time.Duration
	// RateRatio is Rate over the first contender's in the same round, and
	// CPUWorth the first contender's CPU over this one's: more is better.
	RateRatio, CPUWorth stat.Ratio
	// Allocations are objects per request, 0 of one that does not tell.
	Allocations float64
	// Wait is the clients' 99th percentile.
	Wait time.Duration
}

func newFigures(c, measure *contender) Figures {
	f := Figures{
		Peer: c.peer, Version: c.child.Version,
		Routes: map[load.Route]RouteFigures{}, Start: stat.Median(c.starts),
	}
	for route, samples := range c.samples {
		rates, measureRates := column(samples, sample.rateOf), column(measure.samples[route], sample.rateOf)
		cpus, measureCPUs := column(samples, sample.cpuOf), column(measure.samples[route], sample.cpuOf)
		f.Routes[route] = RouteFigures{
			Rate:        stat.Median(rates),
			CPU:         stat.Median(cpus),
			Rates:       rates,
			CPUs:        cpus,
			RateRatio:   stat.RatioOf(rates, measureRates),
			CPUWorth:    stat.RatioOf(measureCPUs, cpus),
			Allocations: stat.Median(column(samples, sample.allocationsOf)),
			Wait:        stat.Median(column(samples, sample.waitOf)),
		}
	}
	return f
}

func column[T any](samples []sample, of func(sample) T) []T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	return values
}
