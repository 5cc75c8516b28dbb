package dbcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// snapshotName is the file that describes the schema on an engine, within the
// folder of revisions.
func snapshotName(engine dbmodule.Engine) string {
	return path.Join(migrate.SnapshotFolder, string(engine)+".hcl")
}

// snapshotBeforeFolder keeps the snapshots from before the newest revision that
// changed them, for --undo. Its name begins with a dot, so that go:embed leaves it
// out of the program.
var snapshotBeforeFolder = path.Join(migrate.SnapshotFolder, ".before")

// snapshotIgnore is the file that keeps that folder out of git: only this developer's --undo uses
// it.
var snapshotIgnore = path.Join(snapshotBeforeFolder, ".gitignore")

// ignoreAll is the content of snapshotIgnore. Git ignores all files there, also this one.
const ignoreAll = "*\n"

func snapshotBefore(engine dbmodule.Engine) string {
	return path.Join(snapshotBeforeFolder, string(engine)+".hcl")
}

// snapshotHeader is the first line of a snapshot: it names the revision that
// the snapshot belongs to.
const snapshotHeader = "# revision: "

// snapshotOf returns the text of a revision's snapshot file.
func snapshotOf(revision, text string) string { return snapshotHeader + revision + "\n" + text }

// snapshotRevision returns the id of the revision that a snapshot belongs to. It is
// "" if the snapshot names none, as before the first revision.
func snapshotRevision(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	id, named := strings.CutPrefix(strings.TrimSpace(line), snapshotHeader)
	if !named {
		return ""
	}
	return strings.TrimSpace(id)
}

// snapshotRevisions returns the ids of the revisions that the engines' snapshots
// belong to, each once.
func (t *tree) snapshotRevisions(cmd *cobra.Command) ([]string, error) {
	files, err := t.files(cmd)
	if err != nil || files == nil {
		return nil, err
	}
	var ids []string
	for _, engine := range t.config.Engines {
		text, err := fs.ReadFile(files, snapshotName(engine))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("dbcmd: read snapshot: %w", err)
		}
		if id := snapshotRevision(text); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// goneRevision returns the id of a revision that a snapshot belongs to but that is
// missing, for example because somebody deleted its folder. It is "" if no such
// revision is missing.
func (t *tree) goneRevision(cmd *cobra.Command, m *migrate.Migrator) (string, error) {
	ids, err := t.snapshotRevisions(cmd)
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		if !m.Graph().Has(id) {
			return id, nil
		}
	}
	return "", nil
}

// checkSnapshots returns an error if a snapshot belongs to a missing revision. A
// draft would otherwise start from tables that no revision creates.
func (t *tree) checkSnapshots(cmd *cobra.Command) error {
	m, _, err := t.migrator(cmd)
	if err != nil {
		return err
	}
	gone, err := t.goneRevision(cmd, m)
	if err != nil || gone == "" {
		return err
	}
	return fmt.Errorf("dbcmd: read snapshot: %s belongs to revision %s, whose folder is missing: restore the folder; or, if the revision shall not come back, "+
		"restore the snapshot from before it with \"%s --undo\" or from version control", path.Join(t.dir, migrate.SnapshotFolder), gone, t.path("revision"))
}

// snapshot reads the snapshot of an engine: the schema that its revisions lead to.
func (t *tree) snapshot(cmd *cobra.Command, engine dbmodule.Engine) (*schema.Realm, error) {
	files, err := t.files(cmd)
	if err != nil {
		return nil, err
	}
	name := snapshotName(engine)
	if files == nil {
		return nil, fmt.Errorf("dbcmd: read snapshot: there is no folder %s here, and the program was built without one: run \"%s\" first", t.dir, t.path("init"))
	}
	text, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("dbcmd: read snapshot: %s: the file is missing: restore it from version control, as it was at the newest revision", path.Join(t.dir, name))
	}
	if err != nil {
		return nil, fmt.Errorf("dbcmd: read snapshot: %w", err)
	}
	realm, err := autogen.ParseSnapshot(engine, text, path.Join(t.dir, name))
	if err != nil {
		return nil, fmt.Errorf("dbcmd: read snapshot: %w", err)
	}
	return realm, nil
}

// modelSnapshot renders the models as a snapshot.
func (t *tree) modelSnapshot(engine dbmodule.Engine) (string, error) {
	realm, err := autogen.Realm(engine, t.config.Models...)
	if err != nil {
		return "", err
	}
	text, err := autogen.MarshalSnapshot(engine, realm)
	return string(text), err
}

// emptySnapshots returns the snapshots of a database without tables.
func (t *tree) emptySnapshots() (map[string]string, error) {
	files := map[string]string{}
	for _, engine := range t.config.Engines {
		realm, err := autogen.Realm(engine)
		if err != nil {
			return nil, err
		}
		text, err := autogen.MarshalSnapshot(engine, realm)
		if err != nil {
			return nil, err
		}
		files[snapshotName(engine)] = string(text)
	}
	return files, nil
}
