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

// Config is the settings that this server has besides those of every program. The zero value
// is not usable: start from [DefaultConfig].
type Config struct {
	Observe ObserveConfig
	Events  events.Config
	Feed    feed.Config
	Streams httpstream.Config
	Keys    keys.Config

	// AgentServerVersion is what /server_info names: see [compat.AgentServerVersion].
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

// Validate reports every setting that can't be used, joined, each with its variable's name
// and what it takes.
func (c Config) Validate() error {
	errs := []error{c.Keys.Validate(), c.Feed.Validate(), c.Streams.Validate()}
	if err := compat.CheckVersion(c.AgentServerVersion); err != nil {
		errs = append(errs, fmt.Errorf("app: AGENT_SERVER_VERSION=%s: %w", c.AgentServerVersion, err))
	}
	return errors.Join(errs...)
}

// complete lets the keys be all that there are, SESSION_API_KEY among them.
func (c *Config) complete(p *program.Config) {
	c.Keys.Default = p.HTTP.SessionAPIKey
	if c.Keys.Any() {
		p.HTTP.AllowInsecure = true // there are keys: nobody gets in without
	}
}

// gated lets a gate know the keys, if there are any.
func gated(c Config, cfg httpmodule.Config, log *zap.Logger) (httpmodule.Config, error) {
	if !c.Keys.Any() {
		return cfg, nil
	}
	gate, err := keys.NewGate(c.Keys, log, webhooks.Pushes()...)
	cfg.SessionAPIKey, cfg.Gate = "", gate
	return cfg, err
}
