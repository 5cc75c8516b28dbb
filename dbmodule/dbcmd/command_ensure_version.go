package dbcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func (t *tree) ensureVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ensure-version",
		Aliases: []string{"ensure_version"},
		Short:   "Make the version table if it is not there",
		Long: "Creates the tables alembic_version and alembic_version_history if they do not exist, and\n" +
			"changes nothing else. upgrade and stamp do this by themselves.",
		Example: t.examples("ensure-version"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			return t.migrating(cmd, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error {
				return m.EnsureVersion(ctx, db)
			})
		},
	}
}
