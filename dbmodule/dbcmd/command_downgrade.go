package dbcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func (t *tree) downgradeCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "downgrade REVISION",
		Short: "Take the database back to an earlier revision",
		Long: "Undoes revisions until the database is at REVISION; \"base\" undoes all of them. Data that\n" +
			"a downgrade deletes is gone: look at the SQL with --dry-run and --sql first.\n\n" +
			"If a newer program applied revisions that this one does not know, they are undone\n" +
			"with the SQL in the database's history.\n\n" +
			"--sql prints the statements and needs no database. Write FROM:TO then; \"current:TO\"\n" +
			"asks the database where it is.",
		Example: t.examples("downgrade -1", "downgrade 1f0c2d", "downgrade base --dry-run", "downgrade 7ab3:1f0c --sql"),
	}
	f.add(cmd)
	relative := acceptRelative(cmd)
	cmd.ValidArgsFunction = t.completeRevisions("-1", "base")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		args = relative.among(args)
		if err := arguments(cmd, args, 1, 1, "a revision to go back to"); err != nil {
			return err
		}
		target := args[0]
		switch {
		case f.sql:
			return t.downgradeSQL(cmd, target)
		case f.dryRun:
			return t.dryRun(cmd, target, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) ([]migrate.Step, error) {
				return m.PlanDowngrade(ctx, db.DB(), target)
			})
		}
		return t.run(cmd, target, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) ([]migrate.Step, error) {
			return m.Downgrade(ctx, db, target)
		})
	}
	return cmd
}
