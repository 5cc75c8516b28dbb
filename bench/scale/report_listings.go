package scale

import (
	"fmt"
	"strings"

	"github.com/openhands-go/server/bench/goal"
	"github.com/openhands-go/server/bench/markdown"
)

// ListingsHead says how listings are compared.
func ListingsHead(o Options) string {
	return fmt.Sprintf("Medians of %d rounds. In a round, each page is asked for %d times in both databases, in turns, and the fastest "+
		"answer counts: what else the machine does makes answers slower, never faster. "+
		"Both pages show the same number of conversations: %d, or one less than the database has that has fewer. "+
		"A page that is empty in one database only has no goal, and neither has a search in titles. "+
		"\"Read\" are the rows and index entries that the database reads for the page; SQLite does not tell.",
		o.Rounds, o.Calls, listedPage)
}

// ListingsReport renders one engine's listings as Markdown: the pages that miss the goal, of each filter without
// a goal the slowest page, and what the others reach together; or every page.
func ListingsReport(engine string, o Options, all []ListingFigures, every bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", engine)
	goals, within := 0, 0
	var slowest, worst ListingFigures
	var kept, apart []ListingFigures
	for _, f := range all {
		last := len(apart) - 1
		switch {
		case !f.Goal && !every && last >= 0 && filterOf(apart[last].Probe) == filterOf(f.Probe):
			if f.Large > apart[last].Large {
				apart[last] = f
			}
			continue
		case !f.Goal:
			apart = append(apart, f)
			continue
		case every || f.Beyond():
			kept = append(kept, f)
		}
		goals++
		if !f.Beyond() {
			within++
		}
		if f.Large > slowest.Large {
			slowest = f
		}
		if f.Ratio.Median > worst.Ratio.Median {
			worst = f
		}
	}
	b.WriteString(table(o, append(kept, apart...)))
	fmt.Fprintf(&b, "\n%d of the %d pages that have a goal reach it.\n", within, goals)
	if goals > 0 {
		fmt.Fprintf(&b, "The worst is %.2f times as slow: %s.\nThe slowest takes %.1f ms: %s.\n",
			worst.Ratio.Median, worst.Probe, float64(slowest.Large.Microseconds())/1000, slowest.Probe)
	}
	return b.String()
}

func table(o Options, figures []ListingFigures) string {
	lines := [][]string{{
		"listing", fmt.Sprintf("µs at %d", o.Small), fmt.Sprintf("µs at %d", o.Large), "ratio", "goal", "conversations", "read",
	}}
	for _, f := range figures {
		ratio, wanted, rows, read := f.Ratio.String(), "", fmt.Sprint(f.Rows[0]), ""
		if f.Goal {
			ratio, wanted = goal.AtMost(f.Ratio, ratioGoal), fmt.Sprintf("≤ %.1f", ratioGoal)
		}
		if f.Unlike() {
			ratio, rows = "", fmt.Sprintf("%d, %d", f.Rows[0], f.Rows[1])
		}
		if f.Read[0] >= 0 {
			read = fmt.Sprintf("%d, %d", f.Read[0], f.Read[1])
		}
		lines = append(lines, []string{f.Probe, fmt.Sprint(f.Small.Microseconds()), fmt.Sprint(f.Large.Microseconds()), ratio, wanted, rows, read})
	}
	return markdown.Table(lines)
}

// filterOf is a listing's name without its order.
func filterOf(name string) string {
	before, _, _ := strings.Cut(name, " by ")
	return before
}
