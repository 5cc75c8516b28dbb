package dbcmd

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

func (t *tree) editCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "edit REVISION",
		Short: "Open a revision's files in the editor",
		Long: "Opens the files of a revision in the editor that VISUAL or EDITOR name. Do not edit a\n" +
			"revision that somebody else's database has applied: write a new one.",
		Example: t.examples("edit head", "edit 1f0c"),
	}
	relative := acceptRelative(cmd)
	cmd.ValidArgsFunction = t.completeRevisions("head", currentSymbol)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		args = relative.among(args)
		if err := arguments(cmd, args, 1, 1, "a revision"); err != nil {
			return err
		}
		if err := t.writable(cmd); err != nil {
			return err
		}
		return t.selected(cmd, args[0], func(_ graph.Printer, revisions []*migrate.Revision) error {
			if len(revisions) == 0 {
				return fmt.Errorf("dbcmd: edit: no revision files indicated by symbol %q", args[0])
			}
			var paths []string
			for _, r := range revisions {
				files, err := t.filesOf(r)
				if err != nil {
					return err
				}
				paths = append(paths, files...)
			}
			return t.edit(cmd, paths)
		})
	}
	return cmd
}

// filesOf returns the paths of the files in a revision's folder.
func (t *tree) filesOf(r *migrate.Revision) ([]string, error) {
	folder := filepath.Join(t.dir, r.Folder)
	entries, err := os.ReadDir(folder)
	if r.Folder == "" || err != nil {
		return nil, fmt.Errorf("dbcmd: edit: revision %s has no files in %s", r.ID, t.dir)
	}
	var paths []string
	for _, entry := range entries {
		if !entry.IsDir() {
			paths = append(paths, filepath.Join(folder, entry.Name()))
		}
	}
	return paths, nil
}
