package settings

import "strings"

// Problem says what is wrong with one setting. It holds no secret.
type Problem struct {
	// Name is the environment variable, "" for a problem that is not about a single one.
	Name string
	// Text says what is wrong, and which values the setting takes.
	Text string
}

// Error returns the text.
func (p Problem) Error() string { return p.Text }

// Error has all problems of the environment.
type Error struct{ Problems []Problem }

// Error lists the problems in one line.
func (e *Error) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Text
	}
	return "settings: read the environment: " + strings.Join(texts, "; ")
}

// Unwrap returns the problems, each an error of its own.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}
