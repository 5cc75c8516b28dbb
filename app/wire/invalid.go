package wire

import (
	"errors"
	"fmt"
	"strings"

	"github.com/openhands-go/server/httpmodule"
)

// Invalid is the caller's mistake: what is wrong, and where.
type Invalid struct {
	// Loc leads to the place: "body", "query" or "path", then keys and indexes.
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

// Error joins the place and the message: "body.title: …".
func (e *Invalid) Error() string {
	parts := make([]string, len(e.Loc))
	for i, part := range e.Loc {
		parts[i] = fmt.Sprint(part)
	}
	return strings.Join(parts, ".") + ": " + e.Msg
}

// Unwrap is the answer: 422 in FastAPI's list shape.
func (e *Invalid) Unwrap() error {
	loc := e.Loc
	if loc == nil {
		loc = []any{}
	}
	return httpmodule.NewValidationError(httpmodule.FieldError{Loc: loc, Msg: e.Msg, Type: e.Type})
}

// Under puts loc before the place of an [Invalid] found in err and leaves every
// other error as it is.
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
