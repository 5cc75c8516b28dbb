package wire

import (
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// StrictQuery in an operation's input refuses parameters of the query that the operation
// does not know: one that was to narrow a search would be answered with too much. Names that
// begin with an underscore are let pass; some clients add one so that nothing is cached.
type StrictQuery struct{}

// Resolve looks at the request's query.
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

// QueryTime reads an optional time in a query's parameter of that name.
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

// QueryText checks the text of a query's parameter of that name.
func QueryText(value, name string) error { return Under(CheckText(value, 0), "query", name) }
