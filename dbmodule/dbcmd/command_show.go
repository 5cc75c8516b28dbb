package dbcmd

import (
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// currentSymbol is the REVISION argument that selects the revisions in the version table.
const currentSymbol = "current"

func (t *tree) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show REVISION",
		Short: "Print everything about a revision",
		Long: "Prints everything about a revision: what it follows and what follows it, where it is, and its\n" +
			"revision.txt. \"current\" asks the database for the one that it is at.",
		Example: t.examples("show head", "show 1f0c", "show current"),
	}
	relative := acceptRelative(cmd)
	cmd.ValidArgsFunction = t.completeRevisions("head", "heads", currentSymbol)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		args = relative.among(args)
		if err := arguments(cmd, args, 1, 1, "a revision"); err != nil {
			return err
		}
		return t.selected(cmd, args[0], func(p graph.Printer, revisions []*migrate.Revision) error {
			return lines(cmd, revisions, p.Show)
		})
	}
	return cmd
}

// selected calls work with the revisions that symbol selects. It connects to the database only if
// symbol is "current".
func (t *tree) selected(cmd *cobra.Command, symbol string, work func(graph.Printer, []*migrate.Revision) error) error {
	if symbol != currentSymbol {
		return t.offline(cmd, false, func(p graph.Printer) error {
			revisions, err := p.Graph.Select(symbol)
			if err != nil {
				return err
			}
			return work(p, revisions)
		})
	}
	return t.online(cmd, false, func(p graph.Printer) error {
		revisions, err := p.Graph.AppliedHeads(p.Current)
		if err != nil {
			return err
		}
		p.Current = nil // Alembic's "show current" does not mark them as current
		return work(p, revisions)
	})
}
