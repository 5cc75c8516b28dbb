package dburl

import "fmt"

// Secret is a text that is not printed by accident: fmt, JSON and zap show ***
// in its place, and reflection finds only a function. The zero value is the
// empty text.
type Secret struct{ text func() string }

// NewSecret returns a Secret that holds the text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: func() string { return text }}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// IsZero reports whether the text is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// String returns ***, or "" for an empty text.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return mask
}

// Format prints what [Secret.String] returns, for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) } // a fmt.State keeps no error

// MarshalText returns what [Secret.String] returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
