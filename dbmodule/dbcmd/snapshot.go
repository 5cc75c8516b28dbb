package dbcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

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

// snapshot reads the schema that the revisions lead to on an engine.
func (t *tree) snapshot(cmd *cobra.Command, engine dbmodule.Engine) (*schema.Realm, error) {
	files, err := t.files(cmd)
	if err != nil {
		return nil, err
	}
	name := snapshotName(engine)
	if files == nil {
		return nil, fmt.Errorf("dbcmd: read snapshot: there is no folder %s here, and the program was built without one: begin by \"%s\"", t.dir, t.path("init"))
	}
	text, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("dbcmd: read snapshot: %s: there is no such file: take it from version control, where the last revision stands too", path.Join(t.dir, name))
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

// emptySnapshots are those of a database without tables.
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
