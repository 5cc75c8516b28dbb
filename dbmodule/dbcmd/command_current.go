package dbcmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func (t *tree) currentCommand() *cobra.Command {
	var verbose, checkHeads bool
	cmd := &cobra.Command{
		Use:   "current",
		Short: "Print the revision that the database is at",
		Long: "Prints the revisions in the database's version table: one, several after branches, or\n" +
			"none before the first upgrade. With --check-heads it fails unless all heads are there.",
		Example: t.examples("current", "current -v", "current --check-heads"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			return t.migrating(cmd, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error {
				return t.current(ctx, cmd, m, db, verbose, checkHeads)
			})
		},
	}
	addVerbose(cmd, &verbose)
	cmd.Flags().BoolVar(&checkHeads, "check-heads", false, "fail unless the database is on all head revisions")
	return cmd
}

func addVerbose(cmd *cobra.Command, verbose *bool) {
	cmd.Flags().BoolVarP(verbose, "verbose", "v", false, "print everything about each revision")
}

func (t *tree) current(ctx context.Context, cmd *cobra.Command, m *migrate.Migrator, db *dbmodule.Database, verbose, checkHeads bool) error {
	current, err := m.Current(ctx, db.DB())
	if err != nil {
		return err
	}
	g, err := m.DatabaseGraph(ctx, db.DB())
	if err != nil {
		return err
	}
	p, err := t.printer(cmd, g, verbose)
	if err != nil {
		return err
	}
	applied, err := g.AppliedHeads(current)
	if err != nil {
		return err
	}
	if verbose {
		if err := say(cmd, "Current revision(s) for %s:\n", db.URL()); err != nil {
			return err
		}
	}
	if err := lines(cmd, applied, p.CurrentHead); err != nil {
		return err
	}
	if !checkHeads {
		return nil
	}
	state, err := m.State(ctx, db.DB())
	if err != nil {
		return err
	}
	if len(state.Pending) > 0 {
		return fmt.Errorf("dbcmd: current: the database is not on all head revisions: %s to apply: run \"%s heads\"",
			plural(len(state.Pending), "revision"), t.path("upgrade"))
	}
	return nil
}
