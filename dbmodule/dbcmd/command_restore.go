package dbcmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/backup"
)

func (t *tree) restoreCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of a SQLite database that is not in use",
		Long: "Verifies the backup in FILE as \"backup\" does, checks that this program knows its\n" +
			"revisions, and puts a copy of it in the place of the database. Stop the servers first:\n" +
			"while another process has the database open, the command does nothing. Whenever it\n" +
			"is killed, either the old or the new database is there, complete.\n\n" +
			"The previous database is kept beside the new one, as NAME.replaced-TIME. A server that\n" +
			"starts then runs the revisions that the backup lacks.",
		Example: t.examples("restore /backups/today.db"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := arguments(cmd, args, 1, 1, "the backup"); err != nil {
				return err
			}
			return t.restore(cmd, args[0], force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "restore in spite of unknown revisions or foreign keys that refer to nothing")
	return cmd
}

func (t *tree) restore(cmd *cobra.Command, from string, force bool) error {
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	s, err := t.settings()
	if err != nil {
		return err
	}
	return t.unconnected(func(db *dbmodule.Database) (err error) {
		if db.Engine() != dbmodule.SQLite {
			return otherTools(cmd, db.URL(), from)
		}
		tell(cmd, "Copying %s\n", from)
		bar := newCopyBar(cmd.ErrOrStderr())
		r, err := backup.Prepare(ctx, from, db, backup.Options{Progress: bar.report})
		bar.finish()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Discard()) }()
		if err := t.examine(ctx, cmd, s, r, force); err != nil {
			return err
		}
		done, err := r.Install(ctx)
		if err != nil {
			return err
		}
		return sayRestored(cmd, db, r.Report, done)
	})
}

// examine returns an error if the program can't use the content of the backup: its revisions are
// unknown, or foreign keys refer to nothing. With force it prints a note instead.
func (t *tree) examine(ctx context.Context, cmd *cobra.Command, s Settings, r *backup.Replacement, force bool) error {
	complain := func(format string, args ...any) error {
		text := fmt.Sprintf(format, args...)
		if force {
			tell(cmd, "note: %s\n", text)
			return nil
		}
		return fmt.Errorf("dbcmd: restore: %s: nothing was changed; --force restores all the same", text)
	}
	if r.Report.Dangling > 0 {
		if err := complain("in the backup %s to nothing", plural(r.Report.Dangling, "foreign key refers")); err != nil {
			return err
		}
	}
	state, err := t.revisionsOf(ctx, cmd, s, r.Path())
	if err != nil {
		return err
	}
	if len(state.Unknown) > 0 {
		return complain("the backup is at %s, which this program does not know", names(state.Unknown, ""))
	}
	for _, note := range []struct {
		ids  []string
		text string
	}{
		{state.Pending, "it lacks %s: \"upgrade\" or the server's start runs it"},
		{state.Ahead, "it is ahead of this program: a newer build applied %s"},
		{slices.Concat(state.Dirty, state.AheadDirty), "%s is done in part in it"},
	} {
		if len(note.ids) > 0 {
			tell(cmd, "note: "+note.text+"\n", names(note.ids, ""))
		}
	}
	return nil
}

// revisionsOf returns the state of a file's revisions, compared with the program's.
func (t *tree) revisionsOf(ctx context.Context, cmd *cobra.Command, s Settings, path string) (state dbmodule.RevisionState, err error) {
	m, _, err := t.migrator(cmd)
	if err != nil {
		return state, err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return state, fmt.Errorf("dbcmd: restore: %w", err)
	}
	cfg := s.Database
	if cfg.URL, err = dbmodule.SQLiteURL(full, true); err != nil {
		return state, err
	}
	s.Database = cfg
	err = t.connectedTo(ctx, cmd, s, func(ctx context.Context, db *dbmodule.Database) error {
		state, err = m.State(ctx, db.DB())
		return err
	})
	return state, err
}

// sayRestored prints where the restored and the previous database are.
func sayRestored(cmd *cobra.Command, db *dbmodule.Database, report backup.Report, done backup.Installed) error {
	text := backupTable("restored", report)
	text += fmt.Sprintf("database  %s\n", db.URL().Path())
	if done.Kept != "" {
		text += fmt.Sprintf("kept      %s\n", done.Kept)
	}
	if err := say(cmd, "%s", text); err != nil {
		return err
	}
	if done.Holder != "" {
		return fmt.Errorf("dbcmd: restore: the backup is restored, but %s had opened the old database at that moment and writes to %s: restart it", done.Holder, done.Kept)
	}
	return nil
}
