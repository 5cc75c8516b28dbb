package dbcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// undo deletes the folder of the newest revision and restores the snapshot from
// before it. If somebody has deleted the folder by hand, it restores the snapshot.
func (t *tree) undo(cmd *cobra.Command) error {
	if err := t.writable(cmd); err != nil {
		return err
	}
	m, _, err := t.migrator(cmd)
	if err != nil {
		return err
	}
	gone, err := t.goneRevision(cmd, m)
	if err != nil {
		return err
	}
	if gone != "" {
		if err := t.unapplied(cmd, m, gone); err != nil {
			return err
		}
		if err := t.restoreSnapshots(gone); err != nil {
			return err
		}
		return say(cmd, "  Restoring the snapshot from before %s, whose folder is missing ...  done\n", gone)
	}
	heads := m.Graph().Heads()
	if len(heads) != 1 {
		return fmt.Errorf("dbcmd: revision --undo: it deletes the newest revision, but there are %s: delete the folder of the one that you don't want, and run this command again", plural(len(heads), "head"))
	}
	return t.undoRevision(cmd, m, heads[0])
}

// undoRevision removes the folder of a head.
func (t *tree) undoRevision(cmd *cobra.Command, m *migrate.Migrator, r *migrate.Revision) error {
	folder := filepath.Join(t.dir, r.Folder)
	if is, err := os.Stat(folder); r.Folder == "" || err != nil || !is.IsDir() {
		return fmt.Errorf("dbcmd: revision --undo: %s has no folder in %s: it comes from another source", r.ID, t.dir)
	}
	if err := t.unapplied(cmd, m, r.ID); err != nil {
		return err
	}
	ids, err := t.snapshotRevisions(cmd)
	if err != nil {
		return err
	}
	aside := filepath.Join(t.dir, ".undone-"+r.Folder) // if this process dies, this name is not read as a revision
	if err := os.Rename(folder, aside); err != nil {
		return fmt.Errorf("dbcmd: revision --undo: %w", err)
	}
	if slices.Contains(ids, r.ID) {
		if err := t.restoreSnapshots(r.ID); err != nil {
			return errors.Join(err, os.Rename(aside, folder))
		}
	}
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("dbcmd: revision --undo: %w", err)
	}
	if m.IsCode(r) {
		tell(cmd, "NOTE: %s is Go code: remove its migrate.Code from the source, too\n", r.ID)
	}
	return say(cmd, "  Removing %s ...  done\n", folder)
}

// unapplied returns an error if the configured database has applied the revision. If
// no database can be asked, it prints a note instead.
func (t *tree) unapplied(cmd *cobra.Command, m *migrate.Migrator, id string) error {
	const limit = 5 * time.Second
	s, err := t.settings()
	if err != nil {
		tell(cmd, "NOTE: no database was asked whether it has applied %s: %s\n", id, err)
		return nil
	}
	if u := s.Database.URL; u.Engine() == dbmodule.SQLite && !u.Memory() {
		if _, err := os.Stat(u.Path()); errors.Is(err, fs.ErrNotExist) {
			return nil // it was never upgraded, and connecting would create the file
		}
	}
	s.ConnectTimeout = min(s.ConnectTimeout, limit)
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	var applied bool
	var where string
	err = t.connectedTo(ctx, cmd, s, func(ctx context.Context, db *dbmodule.Database) error {
		where = db.URL().String()
		var err error
		applied, err = isApplied(ctx, m, db, id)
		return err
	})
	switch {
	case errors.Is(err, dbmodule.ErrNoDatabase):
		return nil
	case errors.Is(err, dbmodule.ErrUnavailable):
		tell(cmd, "NOTE: the database could not be asked whether it has applied %s: %s\n", id, err)
		return nil
	case err != nil:
		return err
	case applied:
		return fmt.Errorf("dbcmd: revision --undo: %s has applied %s: undo it there first with \"%s -1\"; if other databases have it too, write a new revision instead", where, id, t.path("downgrade"))
	}
	return nil
}

// isApplied reports whether the database has applied the revision or begun it,
// according to the version table and the history.
func isApplied(ctx context.Context, m *migrate.Migrator, db *dbmodule.Database, id string) (bool, error) {
	rows, err := m.Current(ctx, db.DB())
	if err != nil || slices.Contains(rows, id) {
		return err == nil, err
	}
	entries, err := m.History(ctx, db.DB())
	if err != nil {
		return false, err
	}
	applied := false
	for _, entry := range entries {
		if entry.Revision == id && entry.Status != migrate.StatusGivenUp {
			applied = entry.Status == migrate.StatusRunning || entry.Direction != graph.Downgrade
		}
	}
	return applied, nil
}

// restoreSnapshots replaces the snapshots of a revision by those from before it.
func (t *tree) restoreSnapshots(id string) error {
	set := fileSet{dir: t.dir, snapshots: map[string]string{}}
	for _, engine := range t.config.Engines {
		name := path.Join(t.dir, snapshotName(engine))
		text, err := os.ReadFile(name)
		if err != nil || snapshotRevision(text) != id {
			continue
		}
		before, err := os.ReadFile(path.Join(t.dir, snapshotBefore(engine)))
		if err != nil {
			return fmt.Errorf("dbcmd: revision --undo: the snapshot from before %s is missing: restore %s from version control, as it was before that revision (%w)", id, name, err)
		}
		set.snapshots[snapshotName(engine)] = string(before)
	}
	if err := set.write(); err != nil {
		return err
	}
	var names []string
	for _, engine := range t.config.Engines {
		names = append(names, snapshotBefore(engine))
	}
	// The folder comes last: it is empty then.
	for _, name := range append(names, snapshotIgnore, snapshotBeforeFolder) {
		if err := os.Remove(path.Join(t.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("dbcmd: revision --undo: %w", err)
		}
	}
	return nil
}
