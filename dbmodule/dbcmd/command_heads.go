package dbcmd

import (
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func (t *tree) headsCommand() *cobra.Command {
	var verbose, resolve bool
	cmd := &cobra.Command{
		Use:   "heads",
		Short: "Print the last revisions",
		Long: "Prints the revisions that no other one follows. There is one, or several if two people\n" +
			"wrote a revision at the same time; \"merge\" brings these together.",
		Example: t.examples("heads", "heads -v"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			return t.offline(cmd, verbose, func(p graph.Printer) error {
				heads := p.Graph.Heads()
				if resolve {
					heads = p.Graph.HeadRows()
				}
				return lines(cmd, heads, p.Head)
			})
		},
	}
	addVerbose(cmd, &verbose)
	cmd.Flags().BoolVar(&resolve, "resolve-dependencies", false, "leave out heads that others depend on")
	return cmd
}
