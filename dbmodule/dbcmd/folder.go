package dbcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// usesFolder reports whether commands read the revisions from the folder t.dir. They do so where a
// developer works; where the program is deployed, there is no folder, and they use the embedded
// revisions. A folder that --dir does not name may be another program's: it is an error if it has
// none of the revisions that this program was built with.
func (t *tree) usesFolder(cmd *cobra.Command) (onDisk bool, err error) {
	is, err := isFolder(t.dir)
	switch {
	case err != nil:
		return false, fmt.Errorf("dbcmd: read revisions: %w", err)
	case is && !cmd.Flags().Changed(dirFlag) && t.foreign():
		return false, fmt.Errorf("dbcmd: the folder %s here has none of the revisions that this program was built with, so it is another program's: "+
			"go where this program's source is, or where there is no folder %s, to use those that it was built with; to use this folder all the same, name it by --%s", t.dir, t.dir, dirFlag)
	case is:
		return true, nil
	case cmd.Flags().Changed(dirFlag):
		return false, fmt.Errorf("dbcmd: --%s: %s is no folder of revisions: \"%s\" makes one", dirFlag, t.dir, t.path("init"))
	}
	return false, nil
}

// writable returns an error if there is no folder of revisions to write to.
func (t *tree) writable(cmd *cobra.Command) error {
	onDisk, err := t.usesFolder(cmd)
	if err != nil || onDisk {
		return err
	}
	return fmt.Errorf("dbcmd: %s: there is no folder of revisions %s here: go where the program's source is, name it by --%s, or begin one by \"%s\"",
		cmd.Name(), t.dir, dirFlag, t.path("init"))
}

// isFolder reports whether a folder has revisions or snapshots. A folder called migrations may be
// another tool's.
func isFolder(folder string) (bool, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if entry.Name() == migrate.SnapshotFolder {
			return true, nil
		}
		if _, err := os.Stat(filepath.Join(folder, entry.Name(), migrate.RevisionFile)); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// foreign reports whether the program was built with revisions and the folder t.dir has none of
// them.
func (t *tree) foreign() bool {
	built := t.config.embedded()
	if built == nil {
		return false
	}
	ours := revisionIDs(built)
	for id := range revisionIDs(os.DirFS(t.dir)) {
		if ours[id] {
			return false
		}
	}
	return len(ours) > 0
}

// revisionIDs returns the ids of the revisions in files. It leaves out revisions that can't be
// read.
func revisionIDs(files fs.FS) map[string]bool {
	ids := map[string]bool{}
	entries, _ := fs.ReadDir(files, ".")
	for _, entry := range entries {
		text, err := fs.ReadFile(files, path.Join(entry.Name(), migrate.RevisionFile))
		if err != nil {
			continue
		}
		if r, err := graph.ParseRevision(string(text)); err == nil {
			ids[r.ID] = true
		}
	}
	return ids
}

// files returns the files of the folder of revisions, or else those embedded in the program, or nil
// if there are none.
func (t *tree) files(cmd *cobra.Command) (fs.FS, error) {
	onDisk, err := t.usesFolder(cmd)
	switch {
	case err != nil:
		return nil, err
	case onDisk:
		return os.DirFS(t.dir), nil
	}
	return t.config.embedded(), nil
}

// sources returns the sources of all revisions. The first is the folder of revisions; the others
// are the program's.
func (t *tree) sources(cmd *cobra.Command) ([]migrate.Source, error) {
	files, err := t.files(cmd)
	if err != nil {
		return nil, err
	}
	if files == nil {
		return nil, fmt.Errorf("dbcmd: read revisions: there is no folder %s here, and the program was built without revisions: begin by \"%s\"", t.dir, t.path("init"))
	}
	all := []migrate.Source{{FS: files, Code: t.config.code()}}
	if len(t.config.Sources) > 0 {
		all[0].VersionTable = t.config.Sources[0].VersionTable
	}
	if len(t.config.Sources) > 1 {
		all = append(all, t.config.Sources[1:]...)
	}
	return all, nil
}
