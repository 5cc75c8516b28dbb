package program

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/program/settings"
)

// Config is every setting that each program has. The zero value is not usable: start from
// [Program.DefaultConfig].
type Config struct {
	Database dbmodule.Config
	HTTP     httpmodule.Config
	Log      LogConfig

	// EnvFile is a file with more variables, in the form of package envfile. A relative path is
	// looked up in the working directory, and then beside the program's binary.
	EnvFile string `envconfig:"ENV_FILE" desc:"file with more variables, such as .env, in the working directory or beside the binary; variables that are set already win over the file's"`

	// MemoryLimit is Go's soft limit for the process, in bytes.
	MemoryLimit int64 `envconfig:"MEMORY_LIMIT" default:"0" desc:"bytes of memory that the process should stay below (0 = GOMEMLIMIT, or four fifths of what the container or service may use)"`
	// GCPercent is Go's collector target: how much garbage may come between two
	// collections, in percent of what is in use.
	GCPercent int `envconfig:"GC_PERCENT" default:"0" desc:"garbage between two collections, in percent of the memory in use: a larger value is faster and uses more memory (0 = GOGC, or 200)"`
	// StartTimeout is how long the start may take, most of which is waiting
	// for the database.
	StartTimeout time.Duration `envconfig:"START_TIMEOUT" default:"1m" desc:"how long to wait at start for the database and its tables"`
}

// LogConfig says what is logged, and how. The log goes to standard error.
type LogConfig struct {
	Level  zapcore.Level `envconfig:"LOG_LEVEL" default:"info" takes:"debug, info, warn or error" desc:"least severe entries to log: debug, info, warn or error"`
	Format LogFormat     `envconfig:"LOG_FORMAT" default:"auto" takes:"auto, console or json" desc:"form of the log: console, json, or auto (console on a terminal, json elsewhere)"`
}

// DefaultConfig returns the defaults that the tags of [Config] name, with two exceptions.
// DATABASE_URL is what Program.DatabaseURL says. DATABASE_SCHEMA is migrate for a
// program with revisions.
func (p Program) DefaultConfig() Config {
	database := dbmodule.DefaultConfig()
	database.URL = p.databaseURL()
	if p.Revisions != nil {
		database.Schema = dbmodule.SchemaMigrate
	}
	return Config{
		Database:     database,
		HTTP:         httpmodule.DefaultConfig(),
		Log:          LogConfig{Level: zapcore.InfoLevel, Format: LogAuto},
		StartTimeout: time.Minute,
	}
}

// notInFileNames are the characters of a program's name that stay out of its database's: some
// mean something in a URL or a path.
var notInFileNames = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// databaseURL is the default of DATABASE_URL.
func (p Program) databaseURL() dbmodule.URL {
	if !p.DatabaseURL.IsZero() {
		return p.DatabaseURL
	}
	name := notInFileNames.ReplaceAllString(cmp.Or(p.Name, "app"), "_")
	u, err := dbmodule.ParseURL("sqlite:///./" + name + ".db")
	if err != nil {
		return dbmodule.URL{} // Validate then says that there is no URL
	}
	return u
}

// Validate reports every setting that can't be used, joined, each with its
// variable's name and what it takes.
func (c Config) Validate() error {
	var errs []error
	errs = append(errs, c.Database.Validate(), c.HTTP.Validate())
	if c.Log.Level < zapcore.DebugLevel || c.Log.Level > zapcore.ErrorLevel {
		errs = append(errs, fmt.Errorf("program: LOG_LEVEL=%s: takes debug, info, warn or error", c.Log.Level))
	}
	if !c.Log.Format.valid() {
		errs = append(errs, errors.New("program: LOG_FORMAT: takes auto, console or json"))
	}
	if c.MemoryLimit < 0 {
		errs = append(errs, fmt.Errorf("program: MEMORY_LIMIT=%d: takes a number of bytes, or 0", c.MemoryLimit))
	}
	if c.GCPercent < 0 {
		errs = append(errs, fmt.Errorf("program: GC_PERCENT=%d: takes a number of percent, or 0", c.GCPercent))
	}
	if c.StartTimeout <= 0 {
		errs = append(errs, fmt.Errorf("program: START_TIMEOUT=%s: takes a duration above 0, for example 1m", c.StartTimeout))
	}
	return errors.Join(errs...)
}

// StopTimeout is how long a stop may take: longer than what the parts take for themselves at a stop.
func (c Config) StopTimeout() time.Duration {
	const margin = 15 * time.Second
	return c.HTTP.ShutdownDelay + c.HTTP.ShutdownTimeout + margin
}

// ReadConfig reads the environment into a Config that began as the default, and into the
// program's own settings. The Settings list every problem; a wrong setting has its
// default in the Config.
//
// If the environment names a file by ENV_FILE, the file's variables that are not set become
// part of the process's environment first.
func (p Program) ReadConfig() (Config, *settings.Settings) {
	cfg := completed{Config: p.DefaultConfig(), complete: p.Complete, envFile: loadEnvFile()}
	read := settings.Read(append([]any{&cfg}, p.Settings...)...)
	return cfg.Config, read
}

// readAll is ReadConfig, with the variables of the program's other databases.
func (p Program) readAll() (Config, *settings.Settings) {
	cfg, read := p.ReadConfig()
	for _, d := range p.Databases {
		d.read(cfg, read)
	}
	return cfg, read
}

// completed is a Config that the program completes before it is checked.
type completed struct {
	Config
	complete func(*Config)
	// envFile is what is wrong with the file that ENV_FILE names.
	envFile error
}

// Validate completes and checks the Config.
func (c *completed) Validate() error {
	if c.complete != nil {
		c.complete(&c.Config)
	}
	return errors.Join(c.envFile, c.Config.Validate())
}

// hint ends the sentence about a variable that is no setting.
func (p Program) hint() string { return "see " + p.Name + " config" }

// editor is the command line of the user's editor, "" if none is set.
func editor() string { return cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR")) }

// revisions are the program's; what they tell goes to the log.
func (p Program) revisions(log *zap.Logger) []migrate.Source {
	return p.Revisions(func(text string) { log.Info(text) })
}
