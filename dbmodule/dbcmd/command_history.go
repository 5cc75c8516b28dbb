package dbcmd

import (
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func (t *tree) historyCommand() *cobra.Command {
	var (
		revRange         string
		verbose, current bool
	)
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List the revisions, newest first",
		Long: "Lists the revisions, newest first. -r START:END lists those from START to END. Either\n" +
			"may be left out, or be \"current\". -i marks where the database is.",
		Example: t.examples("history", "history -i", "history -r 1f0c:", "history -r current:head -v", "history -r-3:"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			var start, end string
			if revRange != "" {
				var err error
				if start, end, err = graph.CutRange(revRange); err != nil {
					return usage(cmd, "-r %s: %s", revRange, err)
				}
			}
			with := t.offline
			if current || start == currentSymbol || end == currentSymbol {
				with = t.online
			}
			return with(cmd, verbose, func(p graph.Printer) error {
				revisions, err := p.Graph.Range(start, end, p.Current)
				if err != nil {
					return err
				}
				if !current {
					p.Current = nil
				}
				return lines(cmd, revisions, p.History)
			})
		},
	}
	cmd.Flags().StringVarP(&revRange, "rev-range", "r", "", "list these only: `[START]:[END]`")
	addVerbose(cmd, &verbose)
	cmd.Flags().BoolVarP(&current, "indicate-current", "i", false, "mark where the database is")
	return cmd
}
