package doctor

import "github.com/openhands-go/server/dbmodule"

// Level says how bad a finding is.
type Level string

// The levels, from good to bad. Skipped is a check that could not run; it does
// not make a report unhealthy.
const (
	OK      Level = "ok"
	Skipped Level = "skipped"
	Warning Level = "warning"
	Wrong   Level = "wrong"
)

// Finding is the result of one check. It holds no secret.
type Finding struct {
	// Check is the check's name, or the name of the setting that it examines.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// Found says what the check found, in a few words.
	Found string `json:"found"`
	// Do says how to fix it; empty if there is nothing to fix.
	Do string `json:"do,omitempty"`
}

// Report is what [Examine] found, in the order of the checks.
type Report struct {
	Engine dbmodule.Engine `json:"engine"`
	// Database is the URL without its secrets.
	Database string    `json:"database"`
	Findings []Finding `json:"findings"`
}

// Count returns how many findings have the level.
func (r Report) Count(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// Healthy reports whether no finding has the level Wrong. There may be warnings.
func (r Report) Healthy() bool { return r.Count(Wrong) == 0 }

func fine(found string) Finding  { return Finding{Level: OK, Found: found} }
func skipped(why string) Finding { return Finding{Level: Skipped, Found: why} }

func warning(found, advice string) Finding { return Finding{Level: Warning, Found: found, Do: advice} }

func wrong(found, advice string) Finding { return Finding{Level: Wrong, Found: found, Do: advice} }

// unread is the finding of a check that could not read what it examines.
func unread(err error) Finding { return skipped("can't be read: " + err.Error()) }
