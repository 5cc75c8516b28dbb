package dbcmd

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate"
)

// revisionFiles are the files of a new revision.
type revisionFiles struct {
	revision *migrate.Revision
	// sql maps the name of a SQL file to its text.
	sql map[string]string
	// snapshots maps the name of a snapshot file to its text after the revision. It
	// is empty for a revision that a person writes.
	snapshots map[string]string
}

// folderName returns the name of a revision's folder: day and time, so that the
// folders sort by age, the id, and words of the message. Names from earlier builds
// have only the day. The id is the second part of both.
func folderName(r *migrate.Revision) string {
	parts := []string{r.CreateDate.Format("20060102150405"), r.ID}
	if words := slug(r.Message); words != "" {
		parts = append(parts, words)
	}
	return strings.Join(parts, "_")
}

// now returns the current time as the creation time of a revision: in UTC and whole seconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// write makes the revision's folder, and prints its path.
func (t *tree) write(cmd *cobra.Command, f revisionFiles) error {
	folder := folderName(f.revision)
	files := maps.Clone(f.sql)
	files[migrate.RevisionFile] = f.revision.Text()
	set := fileSet{dir: t.dir, folder: folder, files: files, snapshots: maps.Clone(f.snapshots)}
	for _, engine := range t.config.Engines {
		if _, changes := f.snapshots[snapshotName(engine)]; !changes {
			continue
		}
		if before, err := os.ReadFile(filepath.Join(t.dir, snapshotName(engine))); err == nil { // else there is nothing to keep
			set.snapshots[snapshotBefore(engine)] = string(before)
			set.snapshots[snapshotIgnore] = ignoreAll
		}
	}
	if err := set.write(); err != nil {
		return err
	}
	full, err := filepath.Abs(filepath.Join(t.dir, folder))
	if err != nil {
		full = filepath.Join(t.dir, folder)
	}
	return say(cmd, "  Generating %s ...  done\n", full)
}

// print prints all files as one SQL text, in which revision.txt is a comment.
func (f revisionFiles) print(cmd *cobra.Command) error {
	folder := folderName(f.revision)
	var b strings.Builder
	b.WriteString("-- " + path.Join(folder, migrate.RevisionFile) + "\n")
	for line := range strings.Lines(f.revision.Text()) {
		b.WriteString(strings.TrimRight("--   "+line, " \n") + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(f.sql)) {
		b.WriteString("\n-- " + path.Join(folder, name) + "\n" + f.sql[name])
	}
	return say(cmd, "%s", b.String())
}

// blank returns an empty SQL file for each engine, for a person to fill in.
func (t *tree) blank(r *migrate.Revision) revisionFiles {
	f := revisionFiles{revision: r, sql: map[string]string{}}
	for _, engine := range t.config.Engines {
		f.sql[string(engine)+".sql"] = render(section{}, section{})
	}
	return f
}

// draftedFiles returns the files of a revision that was drafted from the models.
func draftedFiles(r *migrate.Revision, drafts []draft) (revisionFiles, error) {
	f := revisionFiles{revision: r, sql: map[string]string{}, snapshots: map[string]string{}}
	for _, d := range drafts {
		up, down := section{statements: d.Up}, section{statements: d.Down}
		for _, warning := range d.Warnings {
			if warning.Down {
				down.warnings = append(down.warnings, warningText(warning))
			} else {
				up.warnings = append(up.warnings, warningText(warning))
			}
		}
		text, err := sqlFile(d.engine, up, down)
		if err != nil {
			return f, err
		}
		f.sql[string(d.engine)+".sql"] = text
		f.snapshots[snapshotName(d.engine)] = snapshotOf(r.ID, d.snapshot)
	}
	return f, nil
}
