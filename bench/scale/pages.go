package scale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/goal"
	"github.com/openhands-go/server/bench/stat"
)

// listedPage is how many conversations a page asks for, if the small database has more than
// that.
const listedPage = 20

// ListingFigures are what a page of a listing cost. The times are medians of the rounds, in each of which
// the fastest request counts.
type ListingFigures struct {
	Figures
	// Rows are how many conversations the pages show.
	Rows [2]int
	// Read is how many rows and index entries the databases read for the pages; -1 where that
	// was not asked, or is not known.
	Read [2]int64
}

// Unlike says that the small database has nothing for a page that the large one has something for.
func (f ListingFigures) Unlike() bool { return f.Rows[0] != f.Rows[1] }

// Beyond says that the page has a goal, and misses it.
func (f ListingFigures) Beyond() bool { return f.Goal && !goal.Within(f.Ratio, ratioGoal) }

// page is a page of a listing.
type page struct {
	path   string
	filter func(Listed) url.Values
	order  string
	// far is from the middle of the listing.
	far bool
}

func (p page) request(l Listed, limit int) (request, error) {
	values := p.filter(l)
	values.Set("sort_order", p.order)
	values.Set("limit", fmt.Sprint(limit))
	if p.far {
		cursor := paging.Cursor{Micros: l.at(int64(l) / 2).UnixMicro(), ID: listedID(0)}
		if strings.HasPrefix(p.order, "TITLE") {
			cursor = paging.Cursor{Text: l.title(int64(l) / 2), ID: listedID(0)}
		}
		id, err := paging.Encode("conversations", p.order, cursor)
		if err != nil {
			return request{}, err
		}
		values.Set("page_id", id)
	}
	return get(p.path + "?" + values.Encode()), nil
}

// side is one of the two databases.
type side struct {
	server  *server
	planner *planner
	size    Listed
}

func openSide(ctx context.Context, c contract.Config, size int64) (*side, error) {
	s, err := openServer(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	p, err := newPlanner(ctx, c)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &side{server: s, planner: p, size: Listed(size)}, nil
}

func (s *side) close() error { return errors.Join(s.server.close(), s.planner.close()) }

// rows asks for a page and returns how many conversations are on it, and whether there are more.
func (s *side) rows(ctx context.Context, p page, limit int) (n int, more bool, err error) {
	r, err := p.request(s.size, limit)
	if err != nil {
		return 0, false, err
	}
	body, err := s.server.do(ctx, r)
	if err != nil {
		return 0, false, err
	}
	var shown struct {
		Items      []json.RawMessage `json:"items"`
		NextPageID *string           `json:"next_page_id"`
	}
	if err := json.Unmarshal(body, &shown); err != nil {
		return 0, false, fmt.Errorf("scale: read %s: %w", r.path, err)
	}
	return len(shown.Items), shown.NextPageID != nil, nil
}

// ListingFunc is told what a page cost.
type ListingFunc func(ListingFigures)

// MeasureListings asks two databases that [LoadListed] has filled for the same pages in
// turns: each filter in each sort order, the first page and one from the middle, if o wants it. What is slow by
// what it is, a search in titles, is asked for once and has no goal. tell gets each figure when it is known.
func MeasureListings(ctx context.Context, small, large contract.Config, o Options, tell ListingFunc) (_ []ListingFigures, err error) {
	var sides [2]*side
	for i, c := range []contract.Config{small, large} {
		if sides[i], err = openSide(ctx, c, []int64{o.Small, o.Large}[i]); err != nil {
			return nil, err
		}
		defer func(s *side) { err = errors.Join(err, s.close()) }(sides[i])
	}
	var all []ListingFigures
	for _, l := range listings() {
		for _, name := range slices.Sorted(maps.Keys(l.filters)) {
			for _, order := range l.orders {
				for _, far := range []bool{false, true} {
					probe := strings.TrimSuffix(strings.TrimPrefix(l.path, "/api/"), "/search") + ": " + name + " by " + order + map[bool]string{true: ", far in"}[far]
					if !o.wants(probe) {
						continue
					}
					f, err := measurePage(ctx, sides, page{l.path, l.filters[name], order, far}, o, !strings.HasPrefix(name, "title contains"))
					if err != nil {
						return nil, err
					}
					f.Probe = probe
					tell(f)
					all = append(all, f)
				}
			}
		}
	}
	return all, nil
}

func (o Options) wants(name string) bool {
	has := func(text string) bool { return strings.Contains(name, text) }
	return len(o.Only) == 0 || slices.ContainsFunc(o.Only, has)
}

// measurePage compares a page that both databases can fill. If they have few conversations for it, it
// shows one less than the one that has fewer, so that both find that there is a page behind it.
func measurePage(ctx context.Context, sides [2]*side, p page, o Options, isGoal bool) (f ListingFigures, err error) {
	limit := listedPage
	for _, s := range sides {
		n, more, err := s.rows(ctx, p, listedPage)
		if err != nil {
			return f, err
		}
		if n > 0 && !more {
			limit = min(limit, max(1, n-1))
		}
	}
	if !isGoal {
		o.Rounds, o.Calls = 1, 1
	}
	var requests [2]request
	for i, s := range sides {
		if f.Rows[i], _, err = s.rows(ctx, p, limit); err != nil {
			return f, err
		}
		if requests[i], err = p.request(s.size, limit); err != nil {
			return f, err
		}
	}
	if err := f.compare(ctx, sides, requests, o); err != nil {
		return f, err
	}
	f.Goal, f.Read = isGoal && !f.Unlike(), [2]int64{-1, -1}
	if f.Beyond() || f.Unlike() {
		for i, s := range sides {
			if f.Read[i], err = s.planner.read(ctx, requests[i]); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

// compare asks for one page after the other, in turns.
func (f *ListingFigures) compare(ctx context.Context, sides [2]*side, requests [2]request, o Options) error {
	var fastest [2][]time.Duration
	for range o.Rounds {
		var took [2][]time.Duration
		for began := time.Now(); len(took[0]) < o.Calls && (len(took[0]) == 0 || time.Since(began) < turnLimit); {
			for i, s := range sides {
				sent := time.Now()
				if _, err := s.server.do(ctx, requests[i]); err != nil {
					return err
				}
				took[i] = append(took[i], time.Since(sent))
			}
		}
		for i := range sides {
			fastest[i] = append(fastest[i], slices.Min(took[i]))
		}
	}
	f.Small, f.Large, f.Ratio = stat.Median(fastest[0]), stat.Median(fastest[1]), stat.RatioOf(fastest[1], fastest[0])
	return nil
}
