package dbcmd

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func (t *tree) statusCommand() *cobra.Command {
	var (
		format string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print which revisions the database has: when, how long, by which build",
		Long: "Prints every revision, oldest first, with what the database's history says of it:\n\n" +
			"  applied   by which build, when, and how long it took\n" +
			"  pending   \"upgrade\" will run it\n" +
			"  dirty     it is done in part: correct what stopped it, and run the same command again\n" +
			"  drifted   its SQL was changed after it had been applied\n" +
			"  ahead     a newer build applied it; this program does not have it\n" +
			"  unknown   the version table names it; neither the program nor the history has it\n\n" +
			"It only reads, and its exit code is 0 whatever it finds. Use \"check\" to fail.",
		Example: t.examples("status", "status --json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			if asJSON {
				format = "json"
			}
			if format != "table" && format != "json" {
				return usage(cmd, "--format takes table or json, not %q", format)
			}
			return t.migrating(cmd, func(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database) error {
				s, err := readStatus(ctx, m, db)
				if err != nil {
					return err
				}
				if format == "table" {
					return say(cmd, "%s", s.table())
				}
				text, err := json.MarshalIndent(s, "", "  ")
				if err != nil {
					return fmt.Errorf("dbcmd: status: %w", err)
				}
				return say(cmd, "%s\n", text)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&format, "format", "table", "`FORM` of the output: table or json; --json is the same as --format json")
	cmd.MarkFlagsMutuallyExclusive("json", "format")
	return cmd
}
