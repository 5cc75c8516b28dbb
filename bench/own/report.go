package own

import (
	"fmt"
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
	Figures []Figures
}

// Report renders the outcomes as Markdown. sync is what writing a page and syncing it
// costs where SQLite's files are.
func Report(m engine.Machine, o Options, sync time.Duration, outcomes []Outcome) string {
	table := [][]string{{"", "requests/s, server / by hand", "CPU µs a request", "p99 ms", "requests, ratio", "CPU, ratio", "goal"}}
	for _, outcome := range outcomes {
		where := outcome.Version
		if outcome.Synchronous != "" {
			where += ", synchronous=" + outcome.Synchronous
		}
		for _, f := range outcome.Figures {
			rates := fmt.Sprintf("%.0f / %.0f", f.Server.Rate, f.Hand.Rate)
			if f.Route == Batches {
				rates += fmt.Sprintf(" (%.0f / %.0f events)", batchSize*f.Server.Rate, batchSize*f.Hand.Rate)
			}
			table = append(table, []string{
				where + ": " + string(f.Route), rates,
				fmt.Sprintf("%d / %d", f.Server.CPU.Microseconds(), f.Hand.CPU.Microseconds()),
				fmt.Sprintf("%.1f / %.1f", milliseconds(f.Server.P99), milliseconds(f.Hand.P99)),
				goal.AtLeast(f.Requests, outcome.Least), f.CPU.String(), fmt.Sprintf("≥ %.1f", outcome.Least),
			})
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %d clients on the same machine; medians of %d alternating rounds of %s a route; "+
		"writing and syncing 4 KiB costs %d µs where SQLite's files are.\n\n", m, o.Clients, o.Rounds, o.Duration, sync.Microseconds())
	b.WriteString(markdown.Table(table))
	return b.String()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
