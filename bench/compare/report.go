package compare

import (
	"fmt"
	"strings"
	"time"

	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/load"
	"github.com/openhands-go/server/bench/markdown"
	"github.com/openhands-go/server/dbmodule"
)

// Outcome is what one engine's contenders did.
type Outcome struct {
	Kind    dbmodule.Engine
	Engine  string // its name and version
	Figures []Figures
}

// Report renders the outcomes as Markdown.
func Report(m engine.Machine, o Options, outcomes []Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; load from the same machine over %d connections, %d rows;\n"+
		"medians of %d alternating rounds of %s a route.\n",
		m, o.Connections, o.Rows, o.Rounds, o.Duration)
	for _, outcome := range outcomes {
		fmt.Fprintf(&b, "\n### %s\n\n", outcome.Engine)
		b.WriteString(markdown.Table(figureTable(outcome.Figures)))
		for _, f := range outcome.Figures {
			if f.Version != "" {
				fmt.Fprintf(&b, "\n%s: %s.\n", f.Peer.Title, f.Version)
			}
		}
		if table := goalTable(outcome.Kind, outcome.Figures); table != nil {
			b.WriteString("\n" + markdown.Table(table))
		}
	}
	return b.String()
}

// figureTable holds a line a contender; each cell names get / list / post.
func figureTable(figures []Figures) [][]string {
	table := [][]string{{
		"get / list / post", "requests, ratio", "requests/s", "CPU, ratio", "CPU µs a request",
		"allocations a request", "p99 ms", "memory", "start",
	}}
	for _, f := range figures {
		each := func(cell func(RouteFigures) string) string {
			var cells []string
			for _, route := range load.Routes() {
				cells = append(cells, cell(f.Routes[route]))
			}
			return strings.Join(cells, " / ")
		}
		title := f.Peer.Title
		if f.Peer.Ours {
			title = "**" + title + "**"
		}
		table = append(table, []string{
			title,
			each(func(r RouteFigures) string { return fmt.Sprintf("%.2f", r.RateRatio.Median) }),
			each(func(r RouteFigures) string { return fmt.Sprintf("%.0f", r.Rate) }),
			each(func(r RouteFigures) string { return fmt.Sprintf("%.2f", r.CPUWorth.Median) }),
			each(func(r RouteFigures) string { return fmt.Sprintf("%.0f", float64(r.CPU)/float64(time.Microsecond)) }),
			each(func(r RouteFigures) string {
				if r.Allocations == 0 {
					return "–"
				}
				return fmt.Sprintf("%.0f", r.Allocations)
			}),
			each(func(r RouteFigures) string { return fmt.Sprintf("%.1f", float64(r.Wait)/float64(time.Millisecond)) }),
			mebibytes(f.RSS),
			milliseconds(f.Start),
		})
	}
	return table
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
