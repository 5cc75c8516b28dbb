package dbcmd

import (
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/migrate"
)

func (t *tree) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIRECTORY]",
		Short: "Begin a folder of revisions",
		Long: "Makes the folder of revisions: DIRECTORY, or that of --dir. It is a Go package that\n" +
			"embeds the revisions into the program. In it, the folder snapshot describes the schema\n" +
			"that the revisions lead to. Commit all of it. Give the package's Source to the program's\n" +
			"db command and to its migrations at start.\n\n" +
			"A program that imports the package before it exists does not compile, so it can't run\n" +
			"this command. Either build it without Sources first, run init, and then add them. Or\n" +
			"write the package's migrations.go by hand, as the documentation shows, build, and run\n" +
			"init: in a folder that has only Go files it adds the missing files and changes none.",
		Example: t.examples("init", "init store/migrations"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := arguments(cmd, args, 0, 1, "one directory"); err != nil {
				return err
			}
			dir := t.dir
			if len(args) > 0 {
				dir = args[0]
			}
			return t.initFolder(cmd, dir)
		},
	}
}

func (t *tree) initFolder(cmd *cobra.Command, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dbcmd: init: %w", err)
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("dbcmd: init: %w", err)
	}
	snapshots, err := t.emptySnapshots()
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return t.completeFolder(cmd, full, entries, snapshots)
	}
	if err := os.MkdirAll(filepath.Dir(full), folderMode); err != nil {
		return fmt.Errorf("dbcmd: init: %w", err)
	}
	// An existing empty folder would block the rename of the new one.
	if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dbcmd: init: %w", err)
	}
	files := map[string]string{packageFile: packageText(filepath.Base(full))}
	for name, text := range snapshots {
		files[name] = text
	}
	if err := (fileSet{dir: filepath.Dir(full), folder: filepath.Base(full), files: files}).write(); err != nil {
		return err
	}
	tell(cmd, "Give Source() of the package in %s to the program's db command and to its start; then: %s -m \"create tables\" --autogenerate\n",
		filepath.Base(full), t.path("revision"))
	return say(cmd, "  Creating directory %s ...  done\n  Generating %s ...  done\n  Creating directory %s ...  done\n",
		full, filepath.Join(full, packageFile), filepath.Join(full, migrate.SnapshotFolder))
}

// completeFolder adds the missing package file or snapshots to a folder that somebody began by
// hand. It refuses a folder with anything else than Go files, snapshots and hidden files. Such a
// folder may be another tool's, or it may have revisions, and then the snapshots of an empty schema
// would be wrong.
func (t *tree) completeFolder(cmd *cobra.Command, full string, entries []os.DirEntry, snapshots map[string]string) error {
	hasGo, hasSnapshots := false, false
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case !entry.IsDir() && filepath.Ext(name) == ".go":
			hasGo = true
		case entry.IsDir() && name == migrate.SnapshotFolder:
			hasSnapshots = true
		case !entry.IsDir() && strings.HasPrefix(name, "."): // such as .gitkeep
		default:
			return fmt.Errorf("dbcmd: init: directory %s already exists and is not empty: it has %s: name another one", full, name)
		}
	}
	if hasGo && hasSnapshots {
		return fmt.Errorf("dbcmd: init: directory %s already exists and is not empty: nothing is missing: go on with \"%s\"", full, t.path("revision"))
	}
	if !hasGo {
		text := []byte(packageText(filepath.Base(full)))
		if err := os.WriteFile(filepath.Join(full, packageFile), text, fileMode); err != nil {
			return fmt.Errorf("dbcmd: init: %w", err)
		}
		if err := say(cmd, "  Generating %s ...  done\n", filepath.Join(full, packageFile)); err != nil {
			return err
		}
	}
	if hasSnapshots {
		return nil
	}
	if err := (fileSet{dir: full, snapshots: snapshots}).write(); err != nil {
		return err
	}
	tell(cmd, "Kept what was there. The package in %s must embed its folder and return it as Source(); then: %s -m \"create tables\" --autogenerate\n",
		filepath.Base(full), t.path("revision"))
	return say(cmd, "  Creating directory %s ...  done\n", filepath.Join(full, migrate.SnapshotFolder))
}

// packageFile is the name of the Go file that embeds the revisions.
const packageFile = "migrations.go"

// packageText returns the text of the Go file that embeds a folder of revisions.
func packageText(folder string) string {
	return fmt.Sprintf(`// Package %[1]s holds the revisions of the database's schema.
package %[1]s

import (
	"embed"

	"github.com/openhands-go/server/dbmodule/migrate"
)

//go:embed *
var files embed.FS

// Source returns the revisions. Those that are Go code are named in its Code.
func Source() migrate.Source { return migrate.Source{FS: files} }
`, packageName(folder))
}

// packageName derives a Go package's name from a folder's name.
func packageName(folder string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
			return unicode.ToLower(r)
		}
		return -1
	}, folder)
	if !token.IsIdentifier(name) || name == "_" {
		return defaultDir
	}
	return name
}
