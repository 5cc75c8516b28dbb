package scale

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
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
			"": plain(), "all": app["all"], "created: half": app["created: half"], "updated: half": app["updated: half"],
		}},
	}
}
