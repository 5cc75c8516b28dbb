package app

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/app/compat"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/keys"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Config is every setting of the server. The zero value is not usable: start
// from [DefaultConfig] or [ReadConfig].
type Config struct {
	Database dbmodule.Config
	HTTP     httpmodule.Config
	Observe  ObserveConfig
	Log      LogConfig
	Events   events.Config
	Keys     keys.Config

	// AgentServerVersion is what /server_info names: see [compat.AgentServerVersion].
	AgentServerVersion string `envconfig:"AGENT_SERVER_VERSION" default:"1.44.0" desc:"agent server version that /server_info names: clients refuse older ones"`

	// MemoryLimit is Go's soft limit for the process, in bytes.
	MemoryLimit int64 `envconfig:"MEMORY_LIMIT" default:"0" desc:"bytes of memory that the process should stay below (0 = GOMEMLIMIT, or four fifths of what the container or service may use)"`
	// StartTimeout is how long the start may take, most of which is waiting
	// for the database.
	StartTimeout time.Duration `envconfig:"START_TIMEOUT" default:"1m" desc:"how long to wait at start for the database and its tables"`
}

// LogConfig says what is logged, and how. The log goes to standard error.
type LogConfig struct {
	Level  zapcore.Level `envconfig:"LOG_LEVEL" default:"info" desc:"least severe entries to log: debug, info, warn or error"`
	Format LogFormat     `envconfig:"LOG_FORMAT" default:"auto" desc:"form of the log: console, json, or auto (console on a terminal, json elsewhere)"`
}

// DefaultConfig returns the defaults that the tags of [Config] name, but for
// those that the server has of its own: it has revisions, so it migrates.
func DefaultConfig() Config {
	database := dbmodule.DefaultConfig()
	database.Schema = dbmodule.SchemaMigrate
	return Config{
		Database:     database,
		HTTP:         httpmodule.DefaultConfig(),
		Observe:      ObserveConfig{Metrics: true, Status: true},
		Log:          LogConfig{Level: zapcore.InfoLevel, Format: LogAuto},
		Events:       events.Config{Packing: true},
		StartTimeout: time.Minute,

		AgentServerVersion: compat.AgentServerVersion,
	}
}

// Validate reports every setting that can't be used, joined, each with its
// variable's name and what it takes.
func (c Config) Validate() error {
	var errs []error
	http := c.HTTP
	http.AllowInsecure = http.AllowInsecure || c.Keys.Any()
	errs = append(errs, c.Database.Validate(), http.Validate(), c.keys().Validate())
	if c.Log.Level < zapcore.DebugLevel || c.Log.Level > zapcore.ErrorLevel {
		errs = append(errs, fmt.Errorf("app: LOG_LEVEL=%s: takes debug, info, warn or error", c.Log.Level))
	}
	if !c.Log.Format.valid() {
		errs = append(errs, errors.New("app: LOG_FORMAT: takes auto, console or json"))
	}
	if err := compat.CheckVersion(c.AgentServerVersion); err != nil {
		errs = append(errs, fmt.Errorf("app: AGENT_SERVER_VERSION=%s: %w", c.AgentServerVersion, err))
	}
	if c.MemoryLimit < 0 {
		errs = append(errs, fmt.Errorf("app: MEMORY_LIMIT=%d: takes a number of bytes, or 0", c.MemoryLimit))
	}
	if c.StartTimeout <= 0 {
		errs = append(errs, fmt.Errorf("app: START_TIMEOUT=%s: takes a duration above 0, for example 1m", c.StartTimeout))
	}
	return errors.Join(errs...)
}

// keys are all that there are, SESSION_API_KEY among them.
func (c Config) keys() keys.Config {
	all := c.Keys
	all.Default = c.HTTP.SessionAPIKey
	return all
}

// http is what the library needs to know. If there are keys, the gate knows them.
func (c Config) http(log *zap.Logger) (httpmodule.Config, error) {
	cfg := c.HTTP
	if !c.keys().Any() {
		return cfg, nil
	}
	gate, err := keys.NewGate(c.keys(), log, webhooks.Pushes()...)
	cfg.SessionAPIKey, cfg.Gate = "", gate
	return cfg, err
}

// editor is the command line of the user's editor, "" if none is set.
func editor() string { return cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR")) }

// stopTimeout is longer than what the parts take for themselves at a stop.
func (c Config) stopTimeout() time.Duration {
	const margin = 15 * time.Second
	return c.HTTP.ShutdownDelay + c.HTTP.ShutdownTimeout + margin
}

// ReadConfig reads the environment. The error is a *[ConfigError] with
// everything that is wrong; the Config then has defaults in those places.
func ReadConfig() (Config, error) {
	cfg, settings := readSettings()
	return cfg, problemsOf(settings)
}

func problemsOf(settings []*setting) error {
	var problems []Problem
	for _, s := range settings {
		problems = append(problems, s.problems...)
	}
	if len(problems) == 0 {
		return nil
	}
	return &ConfigError{Problems: problems}
}

// Problem is what is wrong with one setting. It holds no secret.
type Problem struct {
	// Name is the environment variable.
	Name string
	// Text is for people: what is wrong, and what the setting takes.
	Text string
}

// Error returns the text.
func (p Problem) Error() string { return p.Text }

// ConfigError is everything that is wrong with the environment.
type ConfigError struct{ Problems []Problem }

// Error lists the problems in one line.
func (e *ConfigError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Text
	}
	return "app: read settings: " + strings.Join(texts, "; ")
}

// Unwrap returns the problems, each an error of its own.
func (e *ConfigError) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}
