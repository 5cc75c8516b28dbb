package dbcmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func (t *tree) stampCommand() *cobra.Command {
	var purge, sql bool
	cmd := &cobra.Command{
		Use:   "stamp REVISION…",
		Short: "Mark the database as being at a revision, without running any",
		Long: "Writes revisions into the version table and runs none. Use it for a database whose\n" +
			"tables another tool made, or that was corrected by hand. --purge empties the\n" +
			"version table first: it removes entries that no program knows any more.",
		Example: t.examples("stamp head", "stamp --purge 1f0c2d", "stamp base", "stamp head --sql"),
	}
	relative := acceptRelative(cmd)
	cmd.Flags().BoolVar(&purge, "purge", false, "erase the version table's entries before stamping")
	cmd.Flags().BoolVar(&sql, "sql", false, "print the SQL instead of running it; needs no connection")
	cmd.ValidArgsFunction = t.completeRevisions("head", "heads", "base")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		args = relative.among(args)
		if err := arguments(cmd, args, 1, -1, "a revision to note, or several"); err != nil {
			return err
		}
		if sql {
			return t.stampSQL(cmd, purge, args)
		}
		for _, target := range args {
			if err := refuseRange(cmd, target); err != nil {
				return err
			}
		}
		return t.migrating(cmd, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error {
			t.tellStale(cmd, m.Graph())
			before, err := m.State(ctx, db.DB())
			if err != nil {
				return err
			}
			done, err := m.Stamp(ctx, db, purge, args...)
			if err != nil {
				return err
			}
			settled := slices.Concat(before.Dirty, before.AheadDirty)
			for _, id := range settled {
				tell(cmd, "Settled %s, which was done in part\n", id)
			}
			for _, step := range done {
				tell(cmd, "Running %s %s\n", step.Direction, step)
			}
			if len(done) == 0 && len(settled) == 0 {
				return t.nothingToDo(ctx, cmd, m, db)
			}
			return nil
		})
	}
	return cmd
}
