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

// Config has the settings that every program has. The zero value is not usable: start from
// [Program.DefaultConfig].
type Config struct {
	Database dbmodule.Config
	HTTP     httpmodule.Config
	Log      LogConfig

	// EnvFile is a file with more variables, in the format of package envfile. A relative path is
	// looked up in the working directory, and then in the folder of the program's binary.
	EnvFile string `envconfig:"ENV_FILE" desc:"file with more variables, such as .env, in the working directory or beside the binary; variables that are set already win over the file's"`

	// MemoryLimit is Go's soft limit for the process, in bytes.
	MemoryLimit int64 `envconfig:"MEMORY_LIMIT" default:"0" desc:"bytes of memory that the process should stay below (0 = GOMEMLIMIT, or four fifths of what the container or service may use)"`
	// GCPercent is Go's GOGC: how much garbage may accumulate between two collections, in
	// percent of the memory in use.
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

// DefaultConfig returns the defaults that the tags of [Config] name, with two exceptions: DATABASE_URL
// is Program.DatabaseURL, and DATABASE_SCHEMA is migrate for a program with revisions.
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

// notInFileNames matches the characters of a program's name that its database's file name does not
// have: some of them have a meaning in a URL or a path.
var notInFileNames = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// databaseURL is the default of DATABASE_URL.
func (p Program) databaseURL() dbmodule.URL {
	if !p.DatabaseURL.IsZero() {
		return p.DatabaseURL
	}
	name := notInFileNames.ReplaceAllString(cmp.Or(p.Name, "app"), "_")
	u, err := dbmodule.ParseURL("sqlite:///./" + name + ".db")
	if err != nil {
		return dbmodule.URL{} // Validate reports the missing URL
	}
	return u
}

// Validate returns one error that joins all invalid settings, each with its variable's name and the
// values that it accepts.
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

// StopTimeout is how long a stop may take: a margin more than the server's stop.
func (c Config) StopTimeout() time.Duration {
	const margin = 15 * time.Second
	return c.HTTP.ShutdownDelay + c.HTTP.ShutdownTimeout + margin
}

// ReadConfig reads the environment into a Config, which has the defaults before, and into the program's
// own settings. The Settings list every problem; an invalid setting keeps its default in the Config.
//
// If ENV_FILE names a file, ReadConfig first adds the file's variables to the process's environment,
// except those that are set already.
func (p Program) ReadConfig() (Config, *settings.Settings) {
	cfg := validatedConfig{Config: p.DefaultConfig(), complete: p.Complete, envFile: loadEnvFile()}
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

// validatedConfig is a Config whose Validate calls Program.Complete first, and also reports the error
// of the file that ENV_FILE names.
type validatedConfig struct {
	Config
	complete func(*Config)
	envFile  error
}

// Validate completes and checks the Config.
func (c *validatedConfig) Validate() error {
	if c.complete != nil {
		c.complete(&c.Config)
	}
	return errors.Join(c.envFile, c.Config.Validate())
}

// hint is the end of a warning about a variable that is not a setting.
func (p Program) hint() string { return "see " + p.Name + " config" }

// editor returns the command line of the user's editor, or "".
func editor() string { return cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR")) }

// revisions returns the program's revisions. Their messages go to the log.
func (p Program) revisions(log *zap.Logger) []migrate.Source {
	return p.Revisions(func(text string) { log.Info(text) })
}
