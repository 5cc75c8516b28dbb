package own

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/fastapi"
	"github.com/openhands-go/server/bench/scale"
	"github.com/openhands-go/server/bench/stat"
	"github.com/openhands-go/server/dbmodule"
)

// Options say how much is measured.
type Options struct {
	// Programs is the folder with the sides' programs.
	Programs string
	Clients  int
	// Rows is how many events the tables have at first: 1000 in nearly all conversations,
	// of which there are 50 at least.
	Rows int64
	// Rounds is how often each side gets its turn, each for Duration a route.
	Rounds   int
	Duration time.Duration
	// Profiles, if not empty, is a folder that gets a CPU profile of each side in Go on each
	// route, of one more turn.
	Profiles string
	// Progress gets a line now and then; Stderr what the sides complain of.
	Progress, Stderr io.Writer
}

// Figures are what the sides did on one route.
type Figures struct {
	Route Route
	// Server, Hand and FastAPI are medians; FastAPI is nil where this machine can't run it.
	Server, Hand Side
	FastAPI      *Side
	// Requests is the server's rate over that by hand in the same round, CPU the time by
	// hand over the server's: more is better. Times is the server's rate over FastAPI's.
	Requests, CPU, Times stat.Ratio
}

// Side is what one side did.
type Side struct {
	Rate     float64
	CPU, P99 time.Duration
}

// programs are the sides in Go: the server, and by hand.
var programs = [2]string{"server", "server-hand"}

// Programs are the names of the programs in Go.
func Programs() []string { return programs[:] }

// side is one of them at work.
type side struct {
	name  string
	child *gauge.Child
	rates map[Route][]float64
	cpus  map[Route][]time.Duration
	waits map[Route][]time.Duration
}

// Run measures routes on an engine. The sides take turns, on databases of their own. versions
// says what FastAPI's side is made of, or why there is none.
func Run(ctx context.Context, e *engine.Engine, o Options, routes ...Route) (_ []Figures, versions string, err error) {
	var sides []*side
	defer func() {
		for _, s := range sides {
			err = errors.Join(err, s.child.Stop())
		}
	}()
	add := func(name string, argv func(contract.Config) []string) error {
		s, err := launch(ctx, e, o, name, argv)
		if err != nil {
			return err
		}
		sides = append(sides, s)
		for _, route := range routes { // the first requests fill caches, pools and the heap
			if err := s.turn(ctx, o, route, o.Duration/2, false); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range programs {
		if err := add(name, func(c contract.Config) []string { return command(o.Programs, name, c) }); err != nil {
			return nil, "", err
		}
	}
	if argv, missing := fastapi.OwnCommand(ctx, e.Config()); missing != nil {
		versions = "without FastAPI: " + missing.Error()
	} else if err := add("server-fastapi", func(contract.Config) []string { return argv }); err != nil {
		return nil, "", err
	} else {
		versions = "FastAPI + async SQLAlchemy: " + sides[len(programs)].child.Version
	}
	for round := range o.Rounds {
		turns := slices.Clone(sides)
		if round%2 == 1 {
			slices.Reverse(turns)
		}
		for _, s := range turns {
			for _, route := range routes {
				if err := s.turn(ctx, o, route, o.Duration, true); err != nil {
					return nil, "", err
				}
			}
		}
		_, _ = fmt.Fprintf(o.Progress, "%s: round %d of %d\n", e.Version, round+1, o.Rounds) // only progress: a failed write changes nothing
	}
	if err := profileAll(ctx, e, o, sides[:len(programs)], routes); err != nil {
		return nil, "", err
	}
	var all []Figures
	for _, route := range routes {
		all = append(all, figuresOf(route, sides))
	}
	return all, versions, nil
}

// profileAll profiles the sides one after the other, if that is asked for.
func profileAll(ctx context.Context, e *engine.Engine, o Options, sides []*side, routes []Route) error {
	if o.Profiles == "" {
		return nil
	}
	for _, s := range sides {
		for _, route := range routes {
			database := strings.TrimSuffix(fmt.Sprintf("%s-%s", e.Config().Engine, strings.ToLower(e.Config().Synchronous)), "-")
			name := fmt.Sprintf("%s-%s-%s.pprof", database, s.name, route.file())
			if err := s.child.Profile(ctx, o.Duration, filepath.Join(o.Profiles, name), func() error {
				_, err := run(s.child.Addr, scale.Data{Rows: o.Rows}, route, o.Clients, o.Duration)
				return err
			}); err != nil {
				return err
			}
			_, _ = fmt.Fprintln(o.Progress, "profiled:", name) // only progress: a failed write changes nothing
		}
	}
	return nil
}

func figuresOf(route Route, sides []*side) Figures {
	server, hand := sides[0], sides[1]
	f := Figures{
		Route: route, Server: server.of(route), Hand: hand.of(route),
		Requests: stat.RatioOf(server.rates[route], hand.rates[route]), CPU: stat.RatioOf(hand.cpus[route], server.cpus[route]),
	}
	if len(sides) > len(programs) {
		python := sides[len(programs)]
		median := python.of(route)
		f.FastAPI, f.Times = &median, stat.RatioOf(server.rates[route], python.rates[route])
	}
	return f
}

// launch fills a database and starts a side on it.
func launch(ctx context.Context, e *engine.Engine, o Options, name string, argv func(contract.Config) []string) (*side, error) {
	c, err := e.Database(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := scale.Load(ctx, c, scale.Data{Rows: o.Rows}, func(int64) {}); err != nil {
		return nil, err
	}
	child, err := gauge.Launch(ctx, argv(c), c.URL, o.Stderr)
	if err != nil {
		return nil, err
	}
	return &side{name: name, child: child, rates: map[Route][]float64{}, cpus: map[Route][]time.Duration{}, waits: map[Route][]time.Duration{}}, nil
}

func command(programs, name string, c contract.Config) []string {
	return []string{
		filepath.Join(programs, name), "--engine", string(c.Engine), "--pool", strconv.Itoa(c.Pool), "--synchronous", c.Synchronous,
	}
}

func (s *side) turn(ctx context.Context, o Options, route Route, d time.Duration, counts bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	before, err := s.child.Usage(ctx)
	if err != nil {
		return err
	}
	result, err := run(s.child.Addr, scale.Data{Rows: o.Rows}, route, o.Clients, d)
	if err != nil {
		return fmt.Errorf("own: %s: %w", s.name, err)
	}
	after, err := s.child.Usage(ctx)
	if err != nil || !counts {
		return err
	}
	s.rates[route] = append(s.rates[route], result.perSecond())
	s.cpus[route] = append(s.cpus[route], (after.CPU-before.CPU)/time.Duration(max(result.requests, 1)))
	s.waits[route] = append(s.waits[route], result.p99)
	return nil
}

func (s *side) of(route Route) Side {
	return Side{Rate: stat.Median(s.rates[route]), CPU: stat.Median(s.cpus[route]), P99: stat.Median(s.waits[route])}
}

// Measurement is one line of what is measured.
type Measurement struct {
	Engine      dbmodule.Engine
	Synchronous string // of SQLite
	Routes      []Route
	// Least is the goal for requests, a ratio to by hand.
	Least float64
}

// LeastTimes is the goal for requests beside FastAPI.
const LeastTimes = 10

// Measurements are all that there are.
func Measurements() []Measurement {
	all := []Route{Batches, Events, Conversations}
	return []Measurement{
		{Engine: dbmodule.SQLite, Synchronous: "NORMAL", Routes: all, Least: 0.8},
		{Engine: dbmodule.SQLite, Synchronous: "FULL", Routes: all[:1], Least: 3},
		{Engine: dbmodule.PostgreSQL, Routes: all, Least: 0.8},
		{Engine: dbmodule.MySQL, Routes: all, Least: 0.8},
	}
}
