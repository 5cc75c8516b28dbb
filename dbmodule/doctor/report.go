package doctor

import "github.com/openhands-go/server/dbmodule"

// Level says how bad a finding is.
type Level string

// The levels, from good to bad. What could not be examined is no worse than
// good.
const (
	OK      Level = "ok"
	Skipped Level = "skipped"
	Warning Level = "warning"
	Wrong   Level = "wrong"
)

// Finding is the result of one check. It holds no secret.
type Finding struct {
	// Check is the check's name, or the setting that it is about.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// Found is what is there, in a few words.
	Found string `json:"found"`
	// Do is what to do about it; empty when there is nothing.
	Do string `json:"do,omitempty"`
}

// Report is what [Examine] found, in the order of the checks.
type Report struct {
	Engine dbmodule.Engine `json:"engine"`
	// Database is the URL without its secrets.
	Database string    `json:"database"`
	Findings []Finding `json:"findings"`
}

// Count returns how many findings have a level.
func (r Report) Count(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// Healthy reports whether nothing is wrong; warnings may be.
func (r Report) Healthy() bool { return r.Count(Wrong) == 0 }

func fine(found string) Finding  { return Finding{Level: OK, Found: found} }
func skipped(why string) Finding { return Finding{Level: Skipped, Found: why} }

func warning(found, advice string) Finding { return Finding{Level: Warning, Found: found, Do: advice} }

func wrong(found, advice string) Finding { return Finding{Level: Wrong, Found: found, Do: advice} }

// unread is the finding of a check that could not look.
func unread(err error) Finding { return skipped("can't be read: " + err.Error()) }
