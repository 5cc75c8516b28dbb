// Package keys knows the server's API keys, and which requests each key allows.
package keys

import (
	"crypto/sha256"
	"fmt"

	"github.com/openhands-go/server/httpmodule"
)

// Config says which keys there are. The zero value is none.
type Config struct {
	// Keys are named keys with a scope, as name:scope:key, separated by commas.
	Keys httpmodule.Secret `envconfig:"API_KEYS" desc:"keys as name:scope:key, separated by commas; the scope is read, webhooks (only what agent servers push) or all"`
	// File has more keys, one a line. It is read again when it changes.
	File string `envconfig:"API_KEYS_FILE" desc:"file with more keys, as name:scope:key, one on each line (# begins a comment); changes take effect within seconds, without a restart"`
	// Default is one more key, which is called "default" and is for everything. It comes
	// from SESSION_API_KEY.
	Default httpmodule.Secret `ignored:"true"`
}

// Any reports whether there are to be keys.
func (c Config) Any() bool { return c.Keys != "" || c.File != "" || c.Default != "" }

// Validate says what is wrong with the keys of variables. The file is read by [NewGate].
func (c Config) Validate() error {
	_, err := c.fixed()
	return err
}

// fixed are the keys that stand in variables.
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
