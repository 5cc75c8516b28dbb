package scale

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/stat"
)

// listing is a route that lists conversations, with the filters and the sort orders that a
// client can ask it for.
type listing struct {
	path    string
	orders  []string
	filters map[string]func(Listed) url.Values
}

// plain is a filter that is the same in each size.
func plain(pairs ...string) func(Listed) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return func(Listed) url.Values { return maps.Clone(values) }
}

// between is a range of ranks in one of the orders by time.
func between(column string, ranks func(Listed) (from, before int64)) func(Listed) url.Values {
	return func(l Listed) url.Values {
		from, before := ranks(l)
		return url.Values{
			column + "__gte": {l.at(from).Format(time.RFC3339)}, column + "__lt": {l.at(before).Format(time.RFC3339)},
			"include_sub_conversations": {"true"},
		}
	}
}

// tagged is a filter and a tag that most have.
func tagged(filter func(Listed) url.Values) func(Listed) url.Values {
	return func(l Listed) url.Values {
		values := filter(l)
		values.Set("tag", "often")
		return values
	}
}

func half(l Listed) (from, before int64) { return int64(l) / 4, int64(l) * 3 / 4 }
func few(l Listed) (from, before int64)  { return int64(l) / 2, int64(l)/2 + 40 }
func none(l Listed) (from, before int64) { return int64(l) + 1, int64(l) + 2 }

func listings() []listing {
	byTime := []string{"CREATED_AT", "CREATED_AT_DESC", "UPDATED_AT", "UPDATED_AT_DESC"}
	byAll := append(slices.Clone(byTime), "TITLE", "TITLE_DESC")
	sandbox := func(more ...string) func(Listed) url.Values {
		return func(l Listed) url.Values {
			values := plain(more...)(l)
			values.Set("sandbox_id__eq", fmt.Sprintf("sandbox-%d", int64(l)/perSandbox/2))
			return values
		}
	}
	app := map[string]func(Listed) url.Values{
		"":                           plain(),
		"all":                        plain("include_sub_conversations", "true"),
		"sandbox":                    sandbox(),
		"sandbox, all":               sandbox("include_sub_conversations", "true"),
		"sandbox, tag":               sandbox("tag", "often"),
		"tag of 90 %":                plain("tag", "often"),
		"tag of 90 %, value of 4":    plain("tag", "often:1"),
		"tag of 5 %":                 plain("tags__contains", "seldom"),
		"tag of 5 %, value":          plain("tags__contains", "seldom:yes", "include_sub_conversations", "true"),
		"tag of 90 %, created: half": tagged(between("created_at", half)),
		"tag of 90 %, created: 40":   tagged(between("created_at", few)),
		"tag, and one that none has": plain("tag", "often", "tag", "never"),
		"two tags":                   plain("tag", "often", "tag", "seldom"),
		"tag that none has":          plain("tag", "never"),
		"created: half":              between("created_at", half),
		"created: 40":                between("created_at", few),
		"created: none":              between("created_at", none),
		"updated: half":              between("updated_at", half),
		"updated: 40":                between("updated_at", few),
		"updated: none":              between("updated_at", none),
		"title contains: most":       plain("title__contains", "weather"),
		"title contains: 5 %":        plain("title__contains", "Seldom"),
		"title contains: none":       plain("title__contains", "nowhere"),
		"title contains: two signs":  plain("title__contains", "zz"),
	}
	return []listing{
		{"/api/conversations/search", byTime, map[string]func(Listed) url.Values{
			"": plain(), "status": plain("status", "running"), "status that none has": plain("status", "stuck"),
			"tag of 90 %": plain("tag", "often"), "status, tag of 90 %": plain("status", "running", "tag", "often"),
			"status, tag of 5 %": plain("status", "running", "tag", "seldom:yes"),
		}},
		{"/api/v1/app-conversations/search", byAll, app},
		{"/api/shared-conversations/search", byAll, map[string]func(Listed) url.Values{
			"": plain(), "all": app["all"], "sandbox": app["sandbox"], "tag of 90 %": app["tag of 90 %"],
			"tag of 5 %": app["tag of 5 %"], "created: half": app["created: half"],
		}},
	}
}

// listedPage is less than what the small database has of most.
const listedPage = 20

// queries are the same page of the same listing in the small and the large database.
func queries(path string, filter func(Listed) url.Values, order string, far bool, small, large Listed) (first, second string, err error) {
	of := func(l Listed) (string, error) {
		values := filter(l)
		values.Set("sort_order", order)
		values.Set("limit", fmt.Sprint(listedPage))
		if far {
			cursor := paging.Cursor{Micros: l.at(int64(l) / 2).UnixMicro(), ID: listedID(0)}
			if strings.HasPrefix(order, "TITLE") {
				cursor = paging.Cursor{Text: l.title(int64(l) / 2), ID: listedID(0)}
			}
			id, err := paging.Encode("conversations", order, cursor)
			if err != nil {
				return "", err
			}
			values.Set("page_id", id)
		}
		return path + "?" + values.Encode(), nil
	}
	if first, err = of(small); err == nil {
		second, err = of(large)
	}
	return first, second, err
}

// FigureFunc is told what a probe cost.
type FigureFunc func(Figures)

// MeasureListings asks two databases that [LoadListed] has filled for the same pages in
// turns: each filter in each sort order, the first page and one from the middle, if o wants it. What has no goal
// is asked for once. tell gets each figure when it is known.
func MeasureListings(ctx context.Context, small, large contract.Config, o Options, tell FigureFunc) (_ []Figures, err error) {
	smallServer, err := openServer(ctx, small, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, smallServer.close()) }()
	largeServer, err := openServer(ctx, large, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, largeServer.close()) }()
	var all []Figures
	for _, l := range listings() {
		for _, name := range slices.Sorted(maps.Keys(l.filters)) {
			for _, order := range l.orders {
				for _, far := range []bool{false, true} {
					probe := strings.TrimSuffix(strings.TrimPrefix(l.path, "/api/"), "/search") + ": " + name + " by " + order + map[bool]string{true: ", far in"}[far]
					if !o.wants(probe) {
						continue
					}
					a, b, err := queries(l.path, l.filters[name], order, far, Listed(o.Small), Listed(o.Large))
					if err != nil {
						return nil, err
					}
					its := o
					isGoal := !strings.HasPrefix(name, "title contains")
					if !isGoal {
						its.Rounds, its.Calls = 1, 1
					}
					f, err := compare(ctx, smallServer, largeServer, a, b, its)
					if err != nil {
						return nil, err
					}
					f.Probe, f.Goal = probe, isGoal
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

// compare takes turns.
func compare(ctx context.Context, small, large *server, first, second string, o Options) (f Figures, err error) {
	var smalls, larges []time.Duration
	once := func(s *server, path string, round int) (time.Duration, error) {
		p := &probe{build: func(*target, int) request { return get(path) }}
		return (&target{server: s}).turn(ctx, p, o.Calls, round)
	}
	for round := range o.Rounds + 1 {
		s, err := once(small, first, round)
		if err != nil {
			return f, err
		}
		l, err := once(large, second, round)
		if err != nil {
			return f, err
		}
		if round > 0 { // the first fills caches
			smalls, larges = append(smalls, s), append(larges, l)
		}
	}
	f.Small, f.Large, f.Ratio = stat.Median(smalls), stat.Median(larges), stat.RatioOf(larges, smalls)
	return f, nil
}
