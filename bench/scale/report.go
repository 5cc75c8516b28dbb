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

// ListingsReport renders one engine's listings as Markdown: every one, or of each route and
// filter the one whose ratio is the worst.
func ListingsReport(engine string, o Options, all []Figures, every bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", engine)
	table := [][]string{{"listing", fmt.Sprintf("µs at %d", o.Small), fmt.Sprintf("µs at %d", o.Large), "ratio", "goal"}}
	kept, within, goals := []Figures{}, 0, 0
	for _, f := range all {
		if f.Goal {
			goals++
			if f.Ratio.Median <= ratioGoal {
				within++
			}
		}
		last := len(kept) - 1
		if every || last < 0 || filterOf(kept[last].Probe) != filterOf(f.Probe) {
			kept = append(kept, f)
		} else if f.Ratio.Median > kept[last].Ratio.Median {
			kept[last] = f
		}
	}
	for _, f := range kept {
		ratio, wanted := f.Ratio.String(), ""
		if f.Goal {
			ratio, wanted = goal.AtMost(f.Ratio, ratioGoal), fmt.Sprintf("≤ %.1f", ratioGoal)
		}
		table = append(table, []string{f.Probe, fmt.Sprint(f.Small.Microseconds()), fmt.Sprint(f.Large.Microseconds()), ratio, wanted})
	}
	b.WriteString(markdown.Table(table))
	fmt.Fprintf(&b, "\n%d of the %d pages that have a goal reach it.\n", within, goals)
	return b.String()
}

// filterOf is a listing's name without its order.
func filterOf(name string) string {
	before, _, _ := strings.Cut(name, " by ")
	return before
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
