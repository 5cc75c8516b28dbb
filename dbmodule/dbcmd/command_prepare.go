package dbcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func (t *tree) prepareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "prepare",
		Short: "Create the database if it is not there, and upgrade it",
		Long: "Creates the database that the URL names if its server has none of that name, and\n" +
			"upgrades it to all heads. It may run again, and in several processes at once: nothing\n" +
			"is done twice. To create a database, the account needs the permission to do so; on\n" +
			"PostgreSQL the command connects to the database \"postgres\" for that.",
		Example: t.examples("prepare"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			return t.prepare(cmd)
		},
	}
}

func (t *tree) prepare(cmd *cobra.Command) error {
	s, err := t.settings()
	if err != nil {
		return err
	}
	if s.Database.URL.Engine() != dbmodule.SQLite {
		ctx, stop := interruptible(cmd.Context())
		created, err := createDatabase(ctx, cmd, s)
		stop()
		if err != nil {
			return err
		}
		if created {
			tell(cmd, "Created database %s\n", s.Database.URL.Database())
		}
	}
	return t.run(cmd, "heads", func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) ([]migrate.Step, error) {
		return m.Upgrade(ctx, db, "heads")
	})
}
