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

// conclude prints the findings and fails if one is a problem. Otherwise it
// prints fine.
func conclude(cmd *cobra.Command, findings []finding, fine string) error {
	problems := 0
	for _, f := range findings {
		kind := "problem"
		if f.note {
			kind = "note"
		} else {
			problems++
		}
		if err := say(cmd, "%s: %s: %s\n", kind, f.where, f.text); err != nil {
			return err
		}
	}
	if problems > 0 {
		first := findings[slices.IndexFunc(findings, func(f finding) bool { return !f.note })]
		text := fmt.Sprintf("%s: %s", first.where, first.text)
		if problems > 1 {
			text = fmt.Sprintf("%s, the first of which is: %s", plural(problems, "problem"), text)
		}
		return fmt.Errorf("dbcmd: %s: %s", cmd.Name(), text)
	}
	return say(cmd, "%s\n", fine)
}
