package dbcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// runFlags are the flags of the commands that run revisions.
type runFlags struct{ sql, dryRun bool }

func (f *runFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.sql, "sql", false, "print the SQL instead of running it; needs no connection")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print which revisions would run, and run none")
	cmd.MarkFlagsMutuallyExclusive("sql", "dry-run")
}

func (t *tree) upgradeCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "upgrade [REVISION]",
		Short: "Bring the database to a later revision",
		Long: "Runs the revisions that the database lacks, up to REVISION. Without REVISION it runs\n" +
			"all of them. With several heads, name one, or say \"heads\" for all.\n\n" +
			"One process migrates at a time; the others wait and find the work done. A revision\n" +
			"that fails is undone on SQLite and PostgreSQL. MySQL and MariaDB can't undo: correct\n" +
			"the revision and upgrade again, and it resumes at the failed statement.\n\n" +
			"--sql prints the statements and needs no database. It begins with the first revision, or\n" +
			"after A if you write A:REVISION. \"current:REVISION\" asks the database where it is.",
		Example: t.examples("upgrade", "upgrade --dry-run", "upgrade +1", "upgrade heads", "upgrade 1f0c2d:head --sql > upgrade.sql"),
	}
	f.add(cmd)
	cmd.ValidArgsFunction = t.completeRevisions("head", "heads", "+1")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := arguments(cmd, args, 0, 1, "one revision"); err != nil {
			return err
		}
		target := "head"
		if len(args) > 0 {
			target = args[0]
		}
		switch {
		case f.sql:
			return t.upgradeSQL(cmd, target)
		case f.dryRun:
			return t.dryRun(cmd, target, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) ([]migrate.Step, error) {
				return m.PlanUpgrade(ctx, db.DB(), target)
			})
		}
		return t.run(cmd, target, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) ([]migrate.Step, error) {
			return m.Upgrade(ctx, db, target)
		})
	}
	return cmd
}

// stepsFunc plans or runs steps, and returns them.
type stepsFunc func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) ([]migrate.Step, error)

// run runs steps. The progress reporter prints each of them.
func (t *tree) run(cmd *cobra.Command, target string, steps stepsFunc) error {
	if err := refuseRange(cmd, target); err != nil {
		return err
	}
	return t.migrating(cmd, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error {
		t.tellStale(cmd, m.Graph())
		done, err := steps(ctx, m, db)
		if err != nil || len(done) > 0 {
			return err
		}
		return t.nothingToDo(ctx, cmd, m, db)
	})
}

// dryRun prints the steps that would run.
func (t *tree) dryRun(cmd *cobra.Command, target string, steps stepsFunc) error {
	if err := refuseRange(cmd, target); err != nil {
		return err
	}
	return t.migrating(cmd, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error {
		planned, err := steps(ctx, m, db)
		if err != nil {
			return err
		}
		if len(planned) == 0 {
			return t.nothingToDo(ctx, cmd, m, db)
		}
		for _, step := range planned {
			if err := say(cmd, "Would run %s %s\n", step.Direction, step); err != nil {
				return err
			}
		}
		return nil
	})
}

// nothingToDo prints that no step is necessary, and which revisions the database has.
func (t *tree) nothingToDo(ctx context.Context, cmd *cobra.Command, m *migrate.Migrator, db *dbmodule.Database) error {
	current, err := m.Current(ctx, db.DB())
	if err != nil {
		return err
	}
	tell(cmd, "Nothing to do: the database is at %s\n", names(current, "base"))
	return nil
}
