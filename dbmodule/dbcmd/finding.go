package dbcmd

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// finding is something that check or lint has to say.
type finding struct {
	// where is a file or folder, or what else it is about.
	where string
	text  string
	// note is for a person to know, and no reason to fail.
	note bool
}

func (f finding) String() string { return f.where + ": " + f.text }

// conclude prints the findings and fails if one is a problem; a single one is
// the error's text alone. Without problems it prints fine.
func conclude(cmd *cobra.Command, findings []finding, fine string) error {
	var problems []finding
	for _, f := range findings {
		if !f.note {
			problems = append(problems, f)
		}
	}
	listed := findings
	if len(problems) == 1 {
		listed = slices.DeleteFunc(slices.Clone(findings), func(f finding) bool { return !f.note })
	}
	if err := list(cmd, listed); err != nil {
		return err
	}
	switch len(problems) {
	case 0:
		return say(cmd, "%s\n", fine)
	case 1:
		return fmt.Errorf("dbcmd: %s: %s", cmd.Name(), problems[0])
	default:
		return fmt.Errorf("dbcmd: %s: %s, the first of which is: %s", cmd.Name(), plural(len(problems), "problem"), problems[0])
	}
}

// list prints findings.
func list(cmd *cobra.Command, findings []finding) error {
	for _, f := range findings {
		kind := "problem"
		if f.note {
			kind = "note"
		}
		if err := say(cmd, "%s: %s\n", kind, f); err != nil {
			return err
		}
	}
	return nil
}
