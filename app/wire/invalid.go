package wire

import (
	"errors"
	"fmt"
	"strings"

	"github.com/openhands-go/server/httpmodule"
)

// Invalid is an error about a client's input. It is answered with 422.
type Invalid struct {
	// Loc is the place of the mistake: "body", "query" or "path", then keys and indexes.
	Loc []any
	// Msg says what was expected.
	Msg string
	// Type is a short machine-readable name, such as "string_type".
	Type string
}

// NewInvalid makes an [Invalid] at loc.
func NewInvalid(kind, msg string, loc ...any) *Invalid {
	return &Invalid{Loc: loc, Msg: msg, Type: kind}
}

// Error returns the place and the message: "body.title: …".
func (e *Invalid) Error() string {
	parts := make([]string, len(e.Loc))
	for i, part := range e.Loc {
		parts[i] = fmt.Sprint(part)
	}
	return strings.Join(parts, ".") + ": " + e.Msg
}

// Unwrap returns the answer: a 422 with a list, as FastAPI sends it.
func (e *Invalid) Unwrap() error {
	loc := e.Loc
	if loc == nil {
		loc = []any{}
	}
	return httpmodule.NewValidationError(httpmodule.FieldError{Loc: loc, Msg: e.Msg, Type: e.Type})
}

// Under prepends loc to the place of an [Invalid] in err. It returns other errors unchanged.
func Under(err error, loc ...any) error {
	var invalid *Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	return &Invalid{
		Loc:  append(append([]any{}, loc...), invalid.Loc...),
		Msg:  invalid.Msg,
		Type: invalid.Type,
	}
}
