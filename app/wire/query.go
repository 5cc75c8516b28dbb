package wire

import (
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// StrictQuery refuses, where an operation's input embeds it, query parameters that the operation does not have:
// if a filter were ignored, the answer would have too many items. Names that begin with an underscore are
// allowed, because some clients add one to prevent caching.
type StrictQuery struct{}

// Resolve implements huma.Resolver.
func (StrictQuery) Resolve(ctx huma.Context) []error {
	known := map[string]bool{}
	for _, p := range ctx.Operation().Parameters {
		known[p.Name] = known[p.Name] || p.In == "query"
	}
	var errs []error
	u := ctx.URL()
	query := u.Query()
	names := make([]string, 0, len(query))
	for name := range query {
		if !known[name] && !strings.HasPrefix(name, "_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		errs = append(errs, &huma.ErrorDetail{Location: "query." + name, Message: "This parameter is not known here"})
	}
	return errs
}

// QueryTime parses an optional time of the query parameter of that name.
func QueryTime(value, name string) (*time.Time, error) {
	if value == "" {
		return nil, nil
	}
	t, err := ParseTime(value)
	if err != nil {
		return nil, Under(err, "query", name)
	}
	return &t, nil
}

// QueryText checks the text of the query parameter of that name.
func QueryText(value, name string) error { return Under(CheckText(value, 0), "query", name) }
