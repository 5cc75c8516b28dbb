package own

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/goal"
	"github.com/openhands-go/server/bench/markdown"
)

// Outcome is what came of one measurement.
type Outcome struct {
	Measurement
	Version string // of the engine
	// Versions says what FastAPI's side is made of, or why there is none.
	Versions string
	Figures  []Figures
}

// Report renders the outcomes as Markdown. sync is what writing a page and syncing it
// costs where SQLite's files are.
func Report(m engine.Machine, o Options, sync time.Duration, outcomes []Outcome) string {
	table := [][]string{{
		"", "requests/s, server / by hand / FastAPI", "CPU µs a request", "p99 ms", "requests, ratio to by hand", "CPU, ratio", "goal", "requests, ratio to FastAPI", "goal",
	}}
	var versions []string
	for _, outcome := range outcomes {
		where := outcome.Version
		if outcome.Synchronous != "" {
			where += ", synchronous=" + outcome.Synchronous
		}
		for _, f := range outcome.Figures {
			sides, times := []Side{f.Server, f.Hand}, "–"
			if f.FastAPI != nil {
				sides, times = append(sides, *f.FastAPI), goal.AtLeast(f.Times, LeastTimes)
			}
			rates := beside(sides, func(s Side) string { return fmt.Sprintf("%.0f", s.Rate) })
			if f.Route == Batches {
				rates += " (" + beside(sides, func(s Side) string { return fmt.Sprintf("%.0f", batchSize*s.Rate) }) + " events)"
			}
			table = append(table, []string{
				where + ": " + string(f.Route), rates,
				beside(sides, func(s Side) string { return strconv.FormatInt(s.CPU.Microseconds(), 10) }),
				beside(sides, func(s Side) string { return fmt.Sprintf("%.1f", milliseconds(s.P99)) }),
				goal.AtLeast(f.Requests, outcome.Least), f.CPU.String(), fmt.Sprintf("≥ %.1f", outcome.Least), times, fmt.Sprintf("≥ %d", LeastTimes),
			})
		}
		if !slices.Contains(versions, outcome.Versions) {
			versions = append(versions, outcome.Versions)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %d clients on the same machine; medians of %d alternating rounds of %s a route; "+
		"writing and syncing 4 KiB costs %d µs where SQLite's files are.\n\n", m, o.Clients, o.Rounds, o.Duration, sync.Microseconds())
	b.WriteString(markdown.Table(table))
	b.WriteString("\n" + strings.Join(versions, ". ") + ".\n")
	return b.String()
}

// beside shows a figure of each side.
func beside(sides []Side, show func(Side) string) string {
	shown := make([]string, len(sides))
	for i, s := range sides {
		shown[i] = show(s)
	}
	return strings.Join(shown, " / ")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
