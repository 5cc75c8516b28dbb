package dbcmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/backup"
)

func (t *tree) backupCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy a SQLite database into a file while it is in use, and verify the copy",
		Long: "Copies a SQLite database into FILE, which only its owner may read, while servers go on\n" +
			"reading and writing it. The copy has everything that was committed when it began and\n" +
			"nothing of later transactions. FILE gets its name when the copy is complete, synced and\n" +
			"verified: integrity, foreign keys, revisions, and the number of rows of each table.\n\n" +
			"A backup that is killed leaves .FILE.*.partial, which can be deleted. For\n" +
			"PostgreSQL and MySQL, the command prints how to run their own programs.",
		Example: t.examples("backup /backups/today.db", "backup --force latest.db"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := arguments(cmd, args, 1, 1, "the file to write"); err != nil {
				return err
			}
			return t.backup(cmd, args[0], force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	return cmd
}

func (t *tree) backup(cmd *cobra.Command, to string, force bool) error {
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	return t.unconnected(func(db *dbmodule.Database) error {
		switch {
		case db.Engine() != dbmodule.SQLite:
			return otherTools(cmd, db.URL(), to)
		case db.URL().Memory():
			return fmt.Errorf("dbcmd: backup: DATABASE_URL names a database in memory, which only its own process can read")
		}
		tell(cmd, "Copying %s\n", db.URL().Path())
		bar := newCopyBar(cmd.ErrOrStderr())
		report, err := backup.Create(ctx, db, to, backup.Options{Force: force, Progress: bar.report})
		bar.finish()
		if errors.Is(err, backup.ErrExists) {
			return fmt.Errorf("%w: name another one, or replace it by --force", err)
		}
		if err != nil {
			return err
		}
		return say(cmd, "%s", backupTable("backup", report))
	})
}
