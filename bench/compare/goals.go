package compare

import (
	"fmt"
	"time"

	"github.com/openhands-go/server/bench/goal"
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
	line := func(name, wanted string, figure func(Figures) string) []string {
		cells := []string{name, wanted}
		for _, f := range ours {
			cells = append(cells, figure(f))
		}
		return cells
	}
	table := [][]string{line("", "goal", func(f Figures) string { return f.Peer.Title })}
	for _, route := range load.Routes() {
		least := goals(engine)[route]
		table = append(table, line(string(route)+", requests", fmt.Sprintf("≥ %.1f", least), func(f Figures) string {
			return goal.AtLeast(f.Routes[route].RateRatio, least)
		}))
	}
	for _, route := range load.Routes() {
		least := goals(engine)[route]
		table = append(table, line(string(route)+", CPU", fmt.Sprintf("≥ %.1f", least), func(f Figures) string {
			return goal.AtLeast(f.Routes[route].CPUWorth, least)
		}))
	}
	return append(table,
		line("start", "≤ "+milliseconds(startGoal), func(f Figures) string {
			return milliseconds(f.Start) + " " + goal.Mark(f.Start <= startGoal)
		}),
		line("memory", "≤ "+mebibytes(rssGoal), func(f Figures) string {
			return mebibytes(f.RSS) + " " + goal.Mark(f.RSS <= rssGoal)
		}))
}
