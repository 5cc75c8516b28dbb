package dbcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// fileSet is the set of files that a command writes into the folder of revisions: it
// writes all of them or none. While they are written, their names begin with a dot.
// migrate ignores such names, so a killed process leaves no half revision.
type fileSet struct {
	dir string
	// folder is a new folder with files.
	folder string
	files  map[string]string
	// snapshots replace files of the folder snapshot.
	snapshots map[string]string
}

// The modes of written files and folders, before the process's umask.
const (
	folderMode = 0o777
	fileMode   = 0o666
)

// write writes all files. If it returns an error, it has undone its changes.
func (s fileSet) write() (err error) {
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		slices.Reverse(undo)
		for _, undoFunc := range undo {
			err = errors.Join(err, undoFunc())
		}
	}()
	moves, err := s.stage(&undo)
	if err != nil {
		return fmt.Errorf("dbcmd: write %s: %w", s.dir, err)
	}
	for _, m := range moves {
		back, err := m.commit()
		if err != nil {
			return fmt.Errorf("dbcmd: write %s: %w", s.dir, err)
		}
		undo = append(undo, back)
	}
	return nil
}

// stage writes each file beside its final path. undo collects functions that remove
// these files; after the move of a file its function removes nothing.
func (s fileSet) stage(undo *[]func() error) ([]move, error) {
	var moves []move
	if s.folder != "" {
		final := filepath.Join(s.dir, s.folder)
		if _, err := os.Lstat(final); err == nil {
			return nil, fmt.Errorf("%s: %w", s.folder, fs.ErrExist)
		}
		staged := filepath.Join(s.dir, ".new-"+s.folder)
		// A killed process may have left this folder.
		if err := os.RemoveAll(staged); err != nil {
			return nil, err
		}
		*undo = append(*undo, func() error { return os.RemoveAll(staged) })
		if err := os.Mkdir(staged, folderMode); err != nil {
			return nil, err
		}
		if err := writeFiles(staged, s.files); err != nil {
			return nil, err
		}
		moves = append(moves, move{from: staged, to: final})
	}
	for _, name := range slices.Sorted(maps.Keys(s.snapshots)) {
		final := filepath.Join(s.dir, name)
		staged := filepath.Join(filepath.Dir(final), ".new-"+filepath.Base(final))
		if err := os.MkdirAll(filepath.Dir(final), folderMode); err != nil {
			return nil, err
		}
		*undo = append(*undo, func() error { return os.RemoveAll(staged) })
		if err := os.WriteFile(staged, []byte(s.snapshots[name]), fileMode); err != nil {
			return nil, err
		}
		moves = append(moves, move{from: staged, to: final})
	}
	return moves, nil
}

func writeFiles(dir string, files map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(files[name]), fileMode); err != nil {
			return err
		}
	}
	return nil
}

// move renames a written file to its final name.
type move struct{ from, to string }

// commit renames the file. It returns a function that restores the previous file, or removes the
// new one if there was none.
func (m move) commit() (back func() error, err error) {
	before, err := os.ReadFile(m.to)
	existed := err == nil
	if err := os.Rename(m.from, m.to); err != nil {
		return nil, err
	}
	return func() error {
		if existed {
			return os.WriteFile(m.to, before, fileMode)
		}
		return os.RemoveAll(m.to)
	}, nil
}
