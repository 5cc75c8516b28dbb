package dbcmd

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table returns the status as text for people.
func (s status) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "database  %s: %s\n", s.Engine, s.Database)
	fmt.Fprintf(&b, "at        %s\n", names(s.State.Current, "base"))
	fmt.Fprintf(&b, "state     %s\n", s.summary())
	if len(s.Revisions) > 0 {
		b.WriteString("\n")
		s.rows(&b)
	}
	for _, r := range s.Revisions {
		if r.Status == "dirty" && r.Error != "" {
			fmt.Fprintf(&b, "\n%s stopped after %d of %d statements: %s\n", r.Revision, r.Done, r.Total, r.Error)
		}
	}
	return b.String()
}

// summary counts the revisions that are not simply applied.
func (s status) summary() string {
	var parts []string
	for _, kind := range []struct {
		ids  []string
		what string
	}{
		{s.State.Unknown, "%d unknown to this program"},
		{s.State.Dirty, "%d done in part"},
		{s.State.Overlapping, "%d recorded beside a later one"},
		{s.State.Pending, "%d pending"},
		{s.State.Drifted, "%d changed after they had been applied"},
		{s.State.Ahead, "%d ahead, by a newer build"},
		{s.State.AheadDirty, "%d done in part, by a newer build"},
	} {
		if len(kind.ids) > 0 {
			parts = append(parts, fmt.Sprintf(kind.what, len(kind.ids)))
		}
	}
	if len(parts) == 0 {
		return "up to date"
	}
	return strings.Join(parts, ", ")
}

func (s status) rows(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(columns ...string) { _, _ = io.WriteString(w, strings.Join(columns, "\t")+"\n") } // a write to memory does not fail
	row("STATUS", "REVISION", "APPLIED", "TOOK", "BUILD", "MESSAGE")
	for _, r := range s.Revisions {
		id := r.Revision
		if r.Head {
			id += " (head)"
		}
		applied, took := "-", "-"
		if r.AppliedAt != nil {
			applied = r.AppliedAt.Format(time.DateTime + "Z07:00")
		}
		switch {
		case r.Stamped:
			took = "stamped"
		case r.Duration != nil:
			took = rounded(*r.Duration).String()
		}
		row(r.Status, id, applied, took, orDash(r.Build), orDash(r.Message))
	}
	_ = w.Flush() // a write to memory does not fail
}

// rounded rounds to about three digits.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	default:
		return d.Round(100 * time.Microsecond)
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
