package held

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// Leftovers are the things that statements leave in their session.
type Leftovers struct {
	// Settings are the names of settings, in lower case, in the order in which they were
	// first set. Variables are user variables, as "@name".
	Settings, Variables []string
	// Others are descriptions of other things, such as "the temporary table a".
	Others []string
}

// None reports whether the statements leave nothing.
func (l Leftovers) None() bool { return len(l.Settings)+len(l.Variables)+len(l.Others) == 0 }

// Left returns what the statements leave in their session after all of them have run.
func Left(d *sqlscan.Dialect, statements []string) Leftovers {
	var found Leftovers
	h := sessionState{lostVars: map[string]bool{}}
	add := func(to *[]string, name string) {
		if name != "" && !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	for i, text := range statements {
		s := parse(d, text)
		repeat := h.apply(i, s)
		assignments, isSet := s.assignments()
		if repeat && !isSet && s.first() != "DISCARD" && s.first() != "RESET" {
			add(&found.Others, strings.TrimSpace("the setting of "+s.first()+" "+strings.ToLower(s.at(1))))
		}
		for _, a := range assignments {
			switch name := strings.ToLower(a.name); {
			case a.global || a.once:
			case strings.HasPrefix(name, "@"):
				add(&found.Variables, name)
			default:
				add(&found.Settings, name)
			}
		}
	}
	for _, l := range h.all {
		switch name, isSetting := strings.CutPrefix(l.what, "the setting "); {
		case l.kind == "implicit":
		case l.kind == "variable":
			add(&found.Variables, l.name)
		case isSetting:
			add(&found.Settings, strings.ToLower(name))
		default:
			add(&found.Others, l.what)
		}
	}
	return found
}
