package dbcmd

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func (t *tree) branchesCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:     "branches",
		Short:   "Print the revisions where branches begin",
		Long:    "Prints each revision that several others follow, and those that follow it.",
		Example: t.examples("branches", "branches -v"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			return t.offline(cmd, verbose, func(p graph.Printer) error {
				revisions, err := p.Graph.Range("", "", nil)
				if err != nil {
					return err
				}
				points := slices.DeleteFunc(revisions, func(r *migrate.Revision) bool { return !p.Graph.IsBranchPoint(r.ID) })
				return lines(cmd, points, p.Branch)
			})
		},
	}
	addVerbose(cmd, &verbose)
	return cmd
}
