package compare

import (
	"fmt"
	"time"

	"github.com/openhands-go/server/bench/load"
	"github.com/openhands-go/server/dbmodule"
)

// goals are the ratios to reach, for requests per second and for CPU alike.
func goals(engine dbmodule.Engine) map[load.Route]float64 {
	if engine == dbmodule.PostgreSQL {
		return map[load.Route]float64{load.Get: 1, load.List: 1.1, load.Post: 1}
	}
	return map[load.Route]float64{load.Get: 1, load.List: 1, load.Post: 1}
}

const (
	startGoal = 100 * time.Millisecond
	rssGoal   = 40 << 20
)

// verdict marks a figure. It looks at the figure as it is printed.
func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "short"
}

func ratioVerdict(r Ratio, goal float64) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f) %s", r.Median, r.Least, r.Most, verdict(round2(r.Median) >= goal))
}

// goalTable holds the goals beside this project's figures.
func goalTable(engine dbmodule.Engine, figures []Figures) [][]string {
	var ours []Figures
	for _, f := range figures {
		if f.Peer.Ours {
			ours = append(ours, f)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	line := func(name, goal string, figure func(Figures) string) []string {
		cells := []string{name, goal}
		for _, f := range ours {
			cells = append(cells, figure(f))
		}
		return cells
	}
	table := [][]string{line("", "goal", func(f Figures) string { return f.Peer.Title })}
	for _, route := range load.Routes() {
		goal := goals(engine)[route]
		table = append(table, line(string(route)+", requests", fmt.Sprintf("≥ %.1f", goal), func(f Figures) string {
			return ratioVerdict(f.Routes[route].RateRatio, goal)
		}))
	}
	for _, route := range load.Routes() {
		goal := goals(engine)[route]
		table = append(table, line(string(route)+", CPU", fmt.Sprintf("≥ %.1f", goal), func(f Figures) string {
			return ratioVerdict(f.Routes[route].CPUWorth, goal)
		}))
	}
	return append(table,
		line("start", "≤ "+milliseconds(startGoal), func(f Figures) string {
			return milliseconds(f.Start) + " " + verdict(f.Start <= startGoal)
		}),
		line("memory", "≤ "+mebibytes(rssGoal), func(f Figures) string {
			return mebibytes(f.RSS) + " " + verdict(f.RSS <= rssGoal)
		}))
}
