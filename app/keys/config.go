// Package keys reads the server's API keys, and decides which requests each key allows.
package keys

import (
	"crypto/sha256"
	"fmt"

	"github.com/openhands-go/server/httpmodule"
)

// Config says which keys the server accepts. The zero value has none.
type Config struct {
	// Keys are named keys with a scope, as name:scope:key, separated by commas.
	Keys httpmodule.Secret `envconfig:"API_KEYS" desc:"keys as name:scope:key, separated by commas; the scope is read, webhooks (only what agent servers push) or all"`
	// File is a file with more keys, one a line. It is read again when it changes.
	File string `envconfig:"API_KEYS_FILE" desc:"file with more keys, as name:scope:key, one on each line (# begins a comment); changes take effect within seconds, without a restart"`
	// Default is one more key, SESSION_API_KEY. Its name is "default" and its scope all.
	Default httpmodule.Secret `ignored:"true"`
}

// Any reports whether any key is configured.
func (c Config) Any() bool { return c.Keys != "" || c.File != "" || c.Default != "" }

// Validate checks the keys in variables. [NewGate] reads and checks the file.
func (c Config) Validate() error {
	_, err := c.fixed()
	return err
}

// fixed returns the keys of variables.
func (c Config) fixed() (ring, error) {
	listed, err := parseList(string(c.Keys))
	if err == nil {
		var own ring
		if c.Default != "" {
			own = ring{{name: DefaultName, scope: All, digest: sha256.Sum256([]byte(c.Default))}}
		}
		listed, err = join(own, listed)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: API_KEYS: %w", err)
	}
	return listed, nil
}
