package dbcmd_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Somebody who deletes the folder of a revision, as Alembic's users do, is told
// that the snapshot is that revision's, by every command that would compare the
// models with it, and --undo puts it back.
func TestDeletedRevision(t *testing.T) {
	t.Parallel()
	p := newProgram(t, modelsV1()...)
	p.must("init")
	p.must("revision", "-m", "create books", "--rev-id", "one", "--autogenerate")
	before := p.contents()
	p.config.Models = modelsV2()
	p.must("revision", "-m", "change books", "--rev-id", "two", "--autogenerate")
	require.NoError(t, os.RemoveAll(p.folder("two")))
	for _, args := range [][]string{
		{"check", "--offline"},
		{"lint"},
		{"revision", "-m", "again", "--autogenerate"},
		{"revision", "-m", "again", "--autogenerate", "--rename", "books.title=name"},
	} {
		p.fails([]string{"snapshot belongs to revision two, whose folder is missing", `with "program db revision --undo"`}, args...)
	}
	require.Contains(t, p.must("revision", "--undo").stdout, "Restoring the snapshot from before two")
	require.Equal(t, snapshots(before), snapshots(p.contents()))
	p.must("revision", "-m", "again", "--rev-id", "three", "--autogenerate", "--rename", "books.title=name")
	p.must("check", "--offline")
	p.must("lint")
}

// snapshots are those of a folder's files.
func snapshots(files map[string]string) map[string]string {
	found := map[string]string{}
	for name, text := range files {
		if filepath.Dir(name) == "snapshot" {
			found[name] = text
		}
	}
	return found
}

func TestUndo(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		p := newProgram(t, modelsV1()...).on(cfg)
		p.must("init")
		p.must("revision", "-m", "create books", "--rev-id", "one", "--autogenerate")
		before := p.contents()
		p.must("upgrade")
		p.config.Models = modelsV2()
		p.must("revision", "-m", "change books", "--rev-id", "two", "--autogenerate", "--rename", "books.title=name")
		require.Equal(t, "*\n", p.contents()["snapshot/.before/.gitignore"], "nobody commits what is one developer's")
		require.True(t, isUsage(p.fails([]string{"--undo", "the only other flag"}, "revision", "--undo", "-m", "x").err))

		// Not while a database has it.
		p.must("upgrade")
		written := p.contents()
		p.fails([]string{"has applied two", `"program db downgrade -1"`}, "revision", "--undo")
		require.Equal(t, written, p.contents())
		p.must("downgrade", "-1")
		require.Contains(t, p.must("revision", "--undo").stdout, "_two_change_books ...  done")
		require.Equal(t, snapshots(before), snapshots(p.contents()))
		require.NotContains(t, p.contents(), "snapshot/.before/.gitignore")
		require.Equal(t, "one (head)\n", p.must("heads").stdout)

		// Only the newest: what was before it is not kept twice.
		p.must("downgrade", "base")
		written = p.contents()
		p.fails([]string{"from before one is missing", "version control"}, "revision", "--undo")
		require.Equal(t, written, p.contents())
	})
}

// A revision by hand has no part in the snapshot.
func TestUndoOfARevisionByHand(t *testing.T) {
	t.Parallel()
	p := newProgram(t, modelsV1()...)
	p.must("init")
	p.must("revision", "-m", "create books", "--rev-id", "one", "--autogenerate")
	before := p.contents()
	p.must("revision", "-m", "by hand", "--rev-id", "two")
	p.config.Settings = func() (dbcmd.Settings, error) { return dbcmd.Settings{}, errors.New("no DATABASE_URL") }
	r := p.must("revision", "--undo")
	require.Contains(t, r.stderr, "NOTE: no database was asked whether it has applied two: no DATABASE_URL")
	require.Equal(t, before, p.contents())
	p.must("revision", "-m", "mine", "--rev-id", "three")
	p.must("revision", "-m", "theirs", "--rev-id", "four", "--head", "one", "--splice")
	p.fails([]string{"there are 2 heads"}, "revision", "--undo")
}
