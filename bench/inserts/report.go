package inserts

import (
	"fmt"
	"strconv"
	"time"

	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/goal"
	"github.com/openhands-go/server/bench/markdown"
)

// goals are ratios to reach, by number of writers.
var goals = map[int]float64{1: 1, 16: 5}

// Report renders the figures as Markdown.
func Report(m engine.Machine, sync time.Duration, all []Figures) string {
	table := [][]string{{"writers", "by hand, inserts/s", "this project, inserts/s", "ratio", "goal"}}
	for _, f := range all {
		ratio, wanted := f.Ratio.String(), ""
		if least, ok := goals[f.Writers]; ok {
			ratio, wanted = goal.AtLeast(f.Ratio, least), fmt.Sprintf("≥ %.1f", least)
		}
		table = append(table, []string{
			strconv.Itoa(f.Writers), fmt.Sprintf("%.0f", f.Hand), fmt.Sprintf("%.0f", f.Ours), ratio, wanted,
		})
	}
	return fmt.Sprintf("%s; synchronous=FULL; writing and syncing 4 KiB costs %d µs here.\n\n", m, sync.Microseconds()) +
		markdown.Table(table)
}
