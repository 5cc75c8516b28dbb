package dbcmd

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// finding is one message of check or lint.
type finding struct {
	// where is the file, the folder or another subject of the message.
	where string
	text  string
	// note says that the message is only information, and not a reason to fail.
	note bool
}

func (f finding) String() string { return f.where + ": " + f.text }

// conclude prints the findings and returns an error if one is a problem. If there is
// only one problem, it is the error's text and is not printed. Without problems
// conclude prints fine.
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
