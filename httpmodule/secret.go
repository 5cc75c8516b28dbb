package httpmodule

import (
	"fmt"
	"io"
)

// Secret is a text that is masked when it is printed, logged or encoded. An empty secret is printed
// as "". Convert it with string(s) to use it.
type Secret string

const mask = "***"

// String returns the mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format writes the mask whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns the mask; JSON, YAML and zap use it as well.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the secret to text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}
