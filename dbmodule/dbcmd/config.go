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

// Config configures the db command of a program. The zero value has no models, no
// revisions and no database.
type Config struct {
	// Models are the models that autogenerate, check, lint and inspect compare, as
	// nil pointers to their structs.
	Models []any
	// Sources are the revisions that the program was built with. The files of the
	// first source are embedded from Dir. If the folder Dir exists, commands read
	// the files there instead.
	Sources []migrate.Source
	// Dir is the folder of the revisions, relative to the working directory;
	// "migrations" if empty. The flag --dir names another folder. Several programs in one
	// source tree need a folder each: without the flag, a folder that has none of the
	// revisions in Sources is an error.
	Dir string
	// Engines are the engines for which commands write SQL; all engines if empty.
	Engines []dbmodule.Engine
	// Build names the program and its version, such as "books 1.2". The history
	// table records it with each revision that this program runs.
	Build string
	// Settings returns the settings of the database. It is called only when a
	// command needs a database, so other commands work without settings. It is nil
	// for programs without a database.
	Settings func() (Settings, error)
	// Arguments, if not nil, gives every command the flag -x KEY=VALUE, as in
	// Alembic. If a command line has the flag, Arguments is called with its values
	// before the command runs. The program keeps the values for its revisions in Go,
	// and returns an error for an unknown key.
	Arguments func(values map[string]string) error
	// Databases are further databases of the program, by name. If there are any, commands
	// have the flag --database NAME, which runs them on that database. From its Config
	// they take Models, Sources, Dir and Settings; an empty Dir is the name followed by
	// "migrations". All other fields are taken from this Config.
	Databases map[string]Config
	// Editor is the command line of the editor that the command edit starts, as in
	// VISUAL or EDITOR. It is split at spaces, and the paths of the files follow.
	Editor string
}

// Settings say how a command connects to its database.
type Settings struct {
	Database dbmodule.Config
	// Log is the logger of the database layer; nil for none.
	Log *zap.Logger
	// Notes are sentences about the settings themselves, for example about a
	// variable with an unknown name. The command doctor prints them.
	Notes []string
	// ConnectTimeout is how long a command waits until the database answers; a
	// minute if 0.
	ConnectTimeout time.Duration
}

const defaultConnectTimeout = time.Minute

// defaultDir is the folder of the revisions unless the program names another.
const defaultDir = "migrations"

// errNoSettings is the error of programs whose Config has no Settings.
var errNoSettings = errors.New("dbcmd: this command needs a database, and this program names none: set Settings in its dbcmd.Config")

// filled returns the Config with its defaults, or an error that says what is invalid.
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

// databases returns the names of the Databases, sorted.
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
