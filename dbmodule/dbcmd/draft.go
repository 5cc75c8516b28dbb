package dbcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// draft has the statements that change the schema on one engine into the models' schema.
type draft struct {
	engine dbmodule.Engine
	autogen.Draft
	// snapshot is the new text of the engine's snapshot.
	snapshot string
}

// errNoModels is the error of programs whose Config has no Models.
var errNoModels = errors.New("dbcmd: this command needs models, and this program names none: set Models in its dbcmd.Config")

// drafts compares the models with the snapshots, and returns a draft for each engine.
func (t *tree) drafts(ctx context.Context, cmd *cobra.Command, renames []autogen.Rename) ([]draft, error) {
	if len(t.config.Models) == 0 {
		return nil, errNoModels
	}
	if err := t.checkSnapshots(cmd); err != nil {
		return nil, err
	}
	var all []draft
	for _, engine := range t.config.Engines {
		from, err := t.snapshot(cmd, engine)
		if err != nil {
			return nil, err
		}
		to, err := autogen.Realm(engine, t.config.Models...)
		if err != nil {
			return nil, err
		}
		d := draft{engine: engine}
		if d.snapshot, err = t.modelSnapshot(engine); err != nil {
			return nil, err
		}
		if d.Draft, err = autogen.Compare(ctx, engine, from, to, renames...); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// liveDraft compares the models with the tables in the database instead of the snapshot.
func (t *tree) liveDraft(ctx context.Context, cmd *cobra.Command, db *dbmodule.Database, renames []autogen.Rename) (d autogen.Draft, err error) {
	snapshot, err := t.snapshot(cmd, db.Engine())
	if err != nil {
		return d, err
	}
	conn, err := db.DB().Conn(ctx)
	if err != nil {
		return d, fmt.Errorf("dbcmd: compare with the database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return autogen.CompareLive(ctx, conn, snapshot, renames, t.config.Models...)
}

// allEmpty reports whether no draft has a statement.
func allEmpty(drafts []draft) bool {
	for _, d := range drafts {
		if !d.Empty() {
			return false
		}
	}
	return true
}

func parseRenames(cmd *cobra.Command, texts []string) ([]autogen.Rename, error) {
	var renames []autogen.Rename
	for _, text := range texts {
		rename, err := autogen.ParseRename(text)
		if err != nil {
			return nil, usage(cmd, "--rename %s: %s", text, err)
		}
		renames = append(renames, rename)
	}
	return renames, nil
}
