package scale

import (
	"fmt"
	"strings"
	"time"

	"github.com/openhands-go/server/bench/goal"
	"github.com/openhands-go/server/bench/markdown"
)

// ratioGoal is how much more a request may cost in the large database.
const ratioGoal = 1.3

// Report renders one engine's figures as Markdown.
func Report(engine string, o Options, loading time.Duration, all []Figures) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%d events were loaded in %s (%.0f a second).\n\n",
		engine, o.Large, loading.Round(time.Second), float64(o.Large)/loading.Seconds())
	table := [][]string{{"request", fmt.Sprintf("µs at %d", o.Small), fmt.Sprintf("µs at %d", o.Large), "ratio", "goal", "plan"}}
	for _, f := range all {
		ratio, wanted := f.Ratio.String(), ""
		if f.Goal {
			ratio, wanted = goal.AtMost(f.Ratio, ratioGoal), fmt.Sprintf("≤ %.1f", ratioGoal)
		}
		table = append(table, []string{
			f.Probe, fmt.Sprint(f.Small.Microseconds()), fmt.Sprint(f.Large.Microseconds()), ratio, wanted, verdict(f.Plans),
		})
	}
	b.WriteString(markdown.Table(table))
	return b.String()
}

func verdict(plans []Plan) string {
	for _, p := range plans {
		if p.FullScan {
			return "**full scan**"
		}
	}
	return "by index"
}

// Plans renders the plans of the large database as text.
func Plans(engine string, all []Figures) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s: %s\n", engine, f.Probe)
		for _, p := range f.Plans {
			fmt.Fprintf(&b, "  %s\n", shortened(p.Statement))
			for _, step := range p.Steps {
				fmt.Fprintf(&b, "    %s\n", shortened(step))
			}
		}
	}
	return b.String()
}

func shortened(text string) string {
	const most = 160
	if r := []rune(text); len(r) > most {
		return string(r[:most-20]) + " … " + string(r[len(r)-17:])
	}
	return text
}
