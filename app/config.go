package app

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/openhands-go/server/app/compat"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/keys"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
	"github.com/openhands-go/server/httpmodule/program"
)

// Config has this server's own settings, besides those of [program.Config]. The zero value is not
// usable: start from [DefaultConfig].
type Config struct {
	Observe ObserveConfig
	Events  events.Config
	Feed    feed.Config
	Streams httpstream.Config
	Keys    keys.Config

	// AgentServerVersion is the version in /server_info: see [compat.AgentServerVersion].
	AgentServerVersion string `envconfig:"AGENT_SERVER_VERSION" default:"1.44.0" desc:"agent server version that /server_info names: clients refuse older ones"`
}

// DefaultConfig returns the defaults that the tags of [Config] name.
func DefaultConfig() Config {
	return Config{
		Observe:            ObserveConfig{Metrics: true, Status: true},
		Events:             events.Config{Packing: true},
		Feed:               feed.DefaultConfig(),
		Streams:            httpstream.DefaultConfig(),
		AgentServerVersion: compat.AgentServerVersion,
	}
}

// Validate returns one error that joins all invalid settings, each with its variable's name and the
// values that it accepts.
func (c Config) Validate() error {
	errs := []error{c.Keys.Validate(), c.Feed.Validate(), c.Streams.Validate()}
	if err := compat.CheckVersion(c.AgentServerVersion); err != nil {
		errs = append(errs, fmt.Errorf("app: AGENT_SERVER_VERSION=%s: %w", c.AgentServerVersion, err))
	}
	return errors.Join(errs...)
}

// complete adds SESSION_API_KEY to the keys. A server with any key may listen on every address.
func (c *Config) complete(p *program.Config) {
	c.Keys.Default = p.HTTP.SessionAPIKey
	if c.Keys.Any() {
		p.HTTP.AllowInsecure = true // withGate's gate requires a key
	}
}

// withGate replaces SESSION_API_KEY by a gate for all keys, if there are any.
func withGate(c Config, cfg httpmodule.Config, log *zap.Logger) (httpmodule.Config, error) {
	if !c.Keys.Any() {
		return cfg, nil
	}
	gate, err := keys.NewGate(c.Keys, log, webhooks.Pushes()...)
	cfg.SessionAPIKey, cfg.Gate = "", gate
	return cfg, err
}
