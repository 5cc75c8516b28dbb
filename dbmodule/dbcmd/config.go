package dbcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// Config is what a program gives its db command. The zero value has no models
// and no revisions, and reaches no database.
type Config struct {
	// Models are what autogenerate, check, lint and inspect compare, as nil
	// pointers to their structs.
	Models []any
	// Sources are the revisions that the program was built with. The files of
	// the first are those in Dir, and are read there while the folder exists.
	Sources []migrate.Source
	// Dir is the folder of the revisions, relative to the working directory;
	// "migrations" if empty. The flag --dir names another. Programs that are developed in one
	// place have a folder each: without the flag, one that has none of the revisions in Sources is an error.
	Dir string
	// Engines are the engines to write SQL for; all of them if empty.
	Engines []dbmodule.Engine
	// Build says which program upgraded a database; the history keeps it.
	Build string
	// Settings says which database. It is called when a command needs one, so
	// that the others work without it; nil is for programs that have none.
	Settings func() (Settings, error)
	// Arguments, if it is set, gives every command the flag -x KEY=VALUE, as
	// Alembic has it, and is called with the values of a command line before
	// the command runs, only if there are any. A program keeps them for its
	// revisions in Go, and returns an error for a key that it does not know.
	Arguments func(values map[string]string) error
	// Databases are more databases of the program, by name. The flag --database NAME, which is
	// there if there are any, runs a command on one of them. Of each counts what it says
	// itself of models, sources, folder and settings; Dir is the name followed by "migrations" if
	// it is empty. The rest is that of this Config.
	Databases map[string]Config
	// Editor is the command line that edit starts with the paths of files
	// after it, split at spaces: what VISUAL or EDITOR say.
	Editor string
}

// Settings are how to reach the database that a command is about.
type Settings struct {
	Database dbmodule.Config
	// Log gets what the database layer logs; nil for nobody.
	Log *zap.Logger
	// Notes are sentences about the settings themselves, such as one whose name
	// is not known; doctor repeats them.
	Notes []string
	// ConnectTimeout is how long to wait for a database that does not answer;
	// a minute if it is 0.
	ConnectTimeout time.Duration
}

const defaultConnectTimeout = time.Minute

// defaultDir is where revisions are unless a program says otherwise.
const defaultDir = "migrations"

// errNoSettings is for programs that gave no Settings.
var errNoSettings = errors.New("dbcmd: this program says of no database how to reach it: its dbcmd.Config has no Settings")

// filled returns the Config with its defaults, or says what can't be used.
func (c Config) filled() (Config, error) {
	if c.Dir == "" {
		c.Dir = defaultDir
	}
	if len(c.Engines) == 0 {
		c.Engines = migrate.Engines()
	}
	for i, engine := range c.Engines {
		if !slices.Contains(migrate.Engines(), engine) {
			return c, fmt.Errorf("dbcmd: engine %q: there are %v", engine, migrate.Engines())
		}
		if slices.Contains(c.Engines[:i], engine) {
			return c, fmt.Errorf("dbcmd: engine %q is named twice", engine)
		}
	}
	return c, nil
}

// databases are the names of the Databases.
func (c Config) databases() []string { return slices.Sorted(maps.Keys(c.Databases)) }

// code returns the functions of the source whose files are in Dir.
func (c Config) code() []migrate.Code {
	if len(c.Sources) == 0 {
		return nil
	}
	return c.Sources[0].Code
}

// embedded returns the files of Dir as they were when the program was built,
// nil if it has none.
func (c Config) embedded() fs.FS {
	if len(c.Sources) == 0 {
		return nil
	}
	return c.Sources[0].FS
}
