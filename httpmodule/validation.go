package httpmodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// FieldError is one finding of a validation, in FastAPI's shape.
type FieldError struct {
	// Loc is the place: "body", "query", "path" or "header", then names and, inside arrays,
	// indexes.
	Loc []any `json:"loc" doc:"where: body, query, path or header, then names and indexes"`
	// Msg says what is wrong in words. Type is the kind of error, for programs.
	Msg  string `json:"msg" doc:"what is wrong, for people"`
	Type string `json:"type" doc:"what is wrong, for programs"`
}

// NewValidationError returns a 422 whose detail is the list of findings.
func NewValidationError(fields ...FieldError) error { return invalid(fields...) }

func invalid(fields ...FieldError) *HTTPError {
	if fields == nil {
		fields = []FieldError{}
	}
	return &HTTPError{Status: http.StatusUnprocessableEntity, Detail: fields}
}

// invalidJSON describes a body that is not JSON.
func invalidJSON(message string) FieldError {
	return FieldError{Loc: []any{"body"}, Msg: "JSON decode error: " + message, Type: "json_invalid"}
}

func missingBody() FieldError {
	return FieldError{Loc: []any{"body"}, Msg: "Field required", Type: "missing"}
}

// fromDecoding converts an error of encoding/json about a body.
func fromDecoding(err error) *HTTPError {
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch):
		return invalid(mismatched(mismatch))
	case errors.Is(err, io.EOF):
		return invalid(missingBody())
	default:
		return invalid(invalidJSON(err.Error()))
	}
}

func mismatched(e *json.UnmarshalTypeError) FieldError {
	loc := []any{"body"}
	for name := range strings.SplitSeq(e.Field, ".") {
		if name != "" {
			loc = append(loc, name)
		}
	}
	return FieldError{Loc: loc, Msg: fmt.Sprintf("expected %s, got %s", e.Type, e.Value), Type: "type_error"}
}

// fromHumaError converts an error of huma's, or of a handler that returns huma's errors.
func fromHumaError(e huma.StatusError) *HTTPError {
	model, ok := e.(*huma.ErrorModel)
	if !ok {
		return &HTTPError{Status: e.GetStatus(), Detail: e.Error()}
	}
	answer := &HTTPError{Status: model.Status, Detail: model.Detail}
	if model.Detail == "" {
		answer.Detail = http.StatusText(model.Status)
	}
	if len(model.Errors) == 0 {
		return answer
	}
	if model.Status >= 500 {
		// Details of a 5xx are logged, and not sent.
		var causes []error
		for _, detail := range model.Errors {
			if detail != nil {
				causes = append(causes, detail)
			}
		}
		answer.Cause = errors.Join(causes...)
		return answer
	}
	var fields []FieldError
	for _, detail := range model.Errors {
		if detail != nil {
			fields = append(fields, fieldError(detail))
		}
	}
	answer.Detail = fields
	return answer
}

// fieldError converts one of huma's findings.
func fieldError(detail *huma.ErrorDetail) FieldError {
	f := FieldError{Loc: location(detail.Location), Msg: detail.Message, Type: findingType(detail.Message)}
	// For a missing property, huma's location is the object, FastAPI's is the property.
	before, after, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s")
	if name, ok := strings.CutPrefix(detail.Message, before); ok {
		if name, ok = strings.CutSuffix(name, after); ok {
			f.Loc = append(f.Loc, name)
			f.Msg = "Field required"
		}
	}
	return f
}

// location splits body.items[3].tags into its parts.
func location(path string) []any {
	loc := []any{}
	for part := range strings.SplitSeq(path, ".") {
		name, rest, _ := strings.Cut(part, "[")
		if name != "" {
			loc = append(loc, name)
		}
		for rest != "" {
			var index string
			index, rest, _ = strings.Cut(rest, "]")
			if n, err := strconv.Atoi(index); err == nil {
				loc = append(loc, n)
			} else {
				loc = append(loc, index)
			}
			rest = strings.TrimPrefix(rest, "[")
		}
	}
	return loc
}

// findingType returns pydantic's name for a kind of error. huma has only messages: their text before
// the first value identifies the kind.
func findingType(message string) string {
	for _, known := range [...]struct{ message, name string }{
		{"required %s parameter is missing", "missing"},
		{validation.MsgExpectedRequiredProperty, "missing"},
		{validation.MsgExpectedDependentRequiredProperty, "missing"},
		{"invalid integer", "int_parsing"},
		{"invalid float", "float_parsing"},
		{"invalid boolean", "bool_parsing"},
		{"invalid date/time for format %s", "datetime_parsing"},
		{"unknown query parameter", "extra_forbidden"},
		{validation.MsgUnexpectedProperty, "extra_forbidden"},
		{validation.MsgExpectedRFC3339DateTime, "datetime_parsing"},
		{validation.MsgExpectedRFC3339Date, "date_parsing"},
		{validation.MsgExpectedRFC4122UUID, "uuid_parsing"},
		{validation.MsgExpectedMinimumNumber, "greater_than_equal"},
		{validation.MsgExpectedExclusiveMinimumNumber, "greater_than"},
		{validation.MsgExpectedMaximumNumber, "less_than_equal"},
		{validation.MsgExpectedExclusiveMaximumNumber, "less_than"},
		{validation.MsgExpectedNumberBeMultipleOf, "multiple_of"},
		{validation.MsgExpectedMinLength, "string_too_short"},
		{validation.MsgExpectedMaxLength, "string_too_long"},
		{validation.MsgExpectedBePattern, "string_pattern_mismatch"},
		{validation.MsgExpectedMatchPattern, "string_pattern_mismatch"},
		{validation.MsgExpectedMinItems, "too_short"},
		{validation.MsgExpectedMaxItems, "too_long"},
		{validation.MsgExpectedMinProperties, "too_short"},
		{validation.MsgExpectedMaxProperties, "too_long"},
		{validation.MsgExpectedOneOf, "enum"},
		{validation.MsgExpectedBoolean, "bool_type"},
		{validation.MsgExpectedNumber, "float_type"},
		{validation.MsgExpectedInteger, "int_type"},
		{validation.MsgExpectedString, "string_type"},
		{validation.MsgExpectedArray, "list_type"},
		{validation.MsgExpectedObject, "dict_type"},
	} {
		prefix, _, parametric := strings.Cut(known.message, "%")
		if message == prefix || parametric && strings.HasPrefix(message, prefix) {
			return known.name
		}
	}
	return "value_error"
}
