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
	table := [][]string{{"writers", "by hand, one commit each", "sessions, one commit each", "sessions, shared commits", "to the same, one each", "to by hand", "goal"}}
	for _, f := range all {
		overEach, overHand, wanted := f.OverEach.String(), f.OverHand.String(), ""
		if least, ok := goals[f.Writers]; ok {
			overEach, overHand, wanted = goal.AtLeast(f.OverEach, least), goal.AtLeast(f.OverHand, least), fmt.Sprintf("≥ %.1f", least)
		}
		table = append(table, []string{
			strconv.Itoa(f.Writers), fmt.Sprintf("%.0f", f.Hand), fmt.Sprintf("%.0f", f.Each), fmt.Sprintf("%.0f", f.Ours),
			overEach, overHand, wanted,
		})
	}
	return fmt.Sprintf("%s; synchronous=FULL; writing and syncing 4 KiB costs %d µs here.\n\n", m, sync.Microseconds()) +
		markdown.Table(table)
}
