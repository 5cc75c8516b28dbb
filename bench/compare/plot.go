package compare

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/openhands-go/server/bench/load"
)

// palette is Okabe and Ito's, which the colour-blind can tell apart; this
// project has the two that stand out most.
var palette = []color.Color{
	color.RGBA{R: 0x99, G: 0x99, B: 0x99, A: 0xff},
	color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff},
	color.RGBA{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff},
	color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff},
	color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff},
	color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff},
	color.RGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff},
}

// Plot draws requests per second, relative to the first contender, as bars
// into a file whose name's end says the format.
func Plot(path string, outcomes []Outcome) error {
	p := plot.New()
	p.Title.Text = "requests per second, by hand = 1 (more is better)"
	p.Y.Min = 0
	p.Legend.Top = true
	var groups []string
	for _, outcome := range outcomes {
		for _, route := range load.Routes() {
			groups = append(groups, fmt.Sprintf("%s\n%s", outcome.Engine, route))
		}
	}
	titles := contenders(outcomes)
	width := vg.Points(7)
	most := 1.0
	for i, title := range titles {
		var heights plotter.Values
		for _, outcome := range outcomes {
			for _, route := range load.Routes() {
				height := 0.0
				for _, f := range outcome.Figures {
					if f.Peer.Title == title {
						height = f.Routes[route].RateRatio.Median
					}
				}
				most = max(most, height)
				heights = append(heights, height)
			}
		}
		bars, err := plotter.NewBarChart(heights, width)
		if err != nil {
			return fmt.Errorf("compare: plot: %w", err)
		}
		bars.Color, bars.LineStyle.Width = palette[i%len(palette)], 0
		bars.Offset = width * vg.Length(float64(i)-float64(len(titles)-1)/2)
		p.Add(bars)
		p.Legend.Add(title, bars)
	}
	one := plotter.NewFunction(func(float64) float64 { return 1 })
	one.Dashes = []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(one)
	p.Y.Max = most + 0.1*float64(len(titles)) // room for the legend
	p.Y.Tick.Marker = plot.TickerFunc(halves)
	p.NominalX(groups...)
	if err := p.Save(vg.Points(85*float64(len(groups)+1)), vg.Points(330), path); err != nil {
		return fmt.Errorf("compare: plot: %w", err)
	}
	return nil
}

// halves marks every half of the measure.
func halves(_, most float64) []plot.Tick {
	var ticks []plot.Tick
	for value := 0.0; value <= most; value += 0.5 {
		ticks = append(ticks, plot.Tick{Value: value, Label: fmt.Sprintf("%.1f", value)})
	}
	return ticks
}

// contenders lists the titles of all, in order; one may be missing on an
// engine.
func contenders(outcomes []Outcome) []string {
	var titles []string
	seen := map[string]bool{}
	for _, outcome := range outcomes {
		for _, f := range outcome.Figures {
			if !seen[f.Peer.Title] {
				seen[f.Peer.Title] = true
				titles = append(titles, f.Peer.Title)
			}
		}
	}
	return titles
}
