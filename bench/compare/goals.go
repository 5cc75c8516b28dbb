package compare

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/openhands-go/server/bench/goal"
	"github.com/openhands-go/server/bench/load"
	"github.com/openhands-go/server/bench/peers"
	"github.com/openhands-go/server/bench/stat"
	"github.com/openhands-go/server/dbmodule"
)

// rival is what one of this project's contenders is to be as good as: the best, in each
// round, of some others.
type rival struct {
	name string
	is   func(peers.Peer) bool
	// least is the ratio to reach, for requests per second and for CPU alike.
	least float64
}

func named(title, name string, least float64) rival {
	return rival{title, func(p peers.Peer) bool { return p.Name == name }, least}
}

var (
	everyORM = rival{"every ORM", func(p peers.Peer) bool { return p.ORM }, 1}
	handEcho = named("Echo + SQL by hand", peers.HandEcho, 1)
	// inTransaction is for an insert in a transaction, beside one that has none.
	inTransaction = named("net/http + SQL by hand", peers.Hand, 0.75)
)

// rivals are the goals of one of this project's contenders.
func rivals(name string) map[load.Route]rival {
	switch name {
	case peers.Ours, peers.OursTyped:
		return map[load.Route]rival{load.Get: everyORM, load.List: everyORM, load.Post: inTransaction}
	case peers.OursAutocommit:
		return map[load.Route]rival{load.Get: everyORM, load.List: everyORM, load.Post: everyORM}
	case peers.OursCompiled:
		return map[load.Route]rival{load.Get: handEcho, load.List: handEcho, load.Post: handEcho}
	}
	return nil
}

const (
	startGoal = 20 * time.Millisecond
	idleGoal  = 150 << 20
)

// rssGoal is the memory after all the load. SQLite is a part of the process.
func rssGoal(engine dbmodule.Engine) uint64 {
	if engine == dbmodule.SQLite {
		return 48 << 20
	}
	return 36 << 20
}

// goalTable holds the goals beside this project's figures.
func goalTable(engine dbmodule.Engine, figures []Figures) [][]string {
	table := [][]string{{"", "", "compared with", "goal", "requests", "CPU"}}
	for _, f := range figures {
		for _, route := range load.Routes() {
			r, ok := rivals(f.Peer.Name)[route]
			if !ok {
				continue
			}
			if rate, cpu, ok := r.compare(figures, f, route); ok {
				table = append(table, []string{
					f.Peer.Title, string(route), r.name, fmt.Sprintf("≥ %.2f", r.least), goal.AtLeast(rate, r.least), goal.AtLeast(cpu, r.least),
				})
			}
		}
	}
	table = append(table, memoryGoals(engine, figures)...)
	if len(table) == 1 {
		return nil
	}
	return table
}

// memoryGoals are about a contender as a whole.
func memoryGoals(engine dbmodule.Engine, figures []Figures) (lines [][]string) {
	line := func(f Figures, what, wanted, figure string, reached bool) {
		lines = append(lines, []string{f.Peer.Title, what, "", "≤ " + wanted, figure + " " + goal.Mark(reached), ""})
	}
	for _, f := range figures {
		if !f.Peer.Ours {
			if f.Idle > 0 { // for comparison
				lines = append(lines, []string{f.Peer.Title, idleMemory(f), "", "", mebibytes(f.Idle), ""})
			}
			continue
		}
		line(f, "start", milliseconds(startGoal), milliseconds(f.Start), f.Start <= startGoal)
		line(f, "memory", mebibytes(rssGoal(engine)), mebibytes(f.RSS), f.RSS <= rssGoal(engine))
		if f.Idle > 0 {
			line(f, idleMemory(f), mebibytes(idleGoal), mebibytes(f.Idle), f.Idle <= idleGoal)
		}
	}
	return lines
}

func idleMemory(f Figures) string {
	return fmt.Sprintf("memory, %d idle connections", f.IdleConnections)
}

// compare is how a contender does beside the best of its rivals in each round. ok is false
// where there are none.
func (r rival) compare(all []Figures, f Figures, route load.Route) (rate, cpu stat.Ratio, ok bool) {
	var rates []float64
	var cpus []time.Duration
	for _, other := range all {
		if !r.is(other.Peer) {
			continue
		}
		ok = true
		figures := other.Routes[route]
		rates = best(rates, figures.Rates, slices.Max[[]float64])
		cpus = best(cpus, figures.CPUs, slices.Min[[]time.Duration])
	}
	own := f.Routes[route]
	if !ok {
		return rate, cpu, false
	}
	return stat.RatioOf(own.Rates, rates), stat.RatioOf(cpus, own.CPUs), true
}

// best takes the better of two values of each round; so is nil before the first.
func best[T cmp.Ordered](so, others []T, better func([]T) T) []T {
	if so == nil {
		return slices.Clone(others)
	}
	for i := range so {
		so[i] = better([]T{so[i], others[i]})
	}
	return so
}
