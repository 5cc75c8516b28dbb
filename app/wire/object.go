package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// Object is a JSON object's members by their exact names, each value as it was
// written; of a repeated name the last value, as in Python and JavaScript.
type Object map[string]json.RawMessage

// CheckJSON says what is wrong with raw as one JSON document in UTF-8, if
// anything. It accepts what encoding/json does: up to 10,000 levels.
func CheckJSON(raw []byte) error {
	if !utf8.Valid(raw) {
		return NewInvalid("json_invalid", "JSON must be encoded as UTF-8")
	}
	if json.Valid(raw) {
		return nil
	}
	msg := "JSON decode error"
	var value json.RawMessage
	err := json.Unmarshal(raw, &value)
	var syntax *json.SyntaxError
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		msg += ": the body is empty"
	case errors.As(err, &syntax):
		msg += ": " + syntax.Error()
	case errors.Is(err, io.ErrUnexpectedEOF):
		msg += ": the text ends too early"
	}
	return NewInvalid("json_invalid", msg)
}

// ParseObject reads raw as a JSON object in UTF-8.
func ParseObject(raw []byte) (Object, error) {
	if err := CheckJSON(raw); err != nil {
		return nil, err
	}
	return Members(raw)
}

// Members is [ParseObject] for what is known to be valid JSON in UTF-8, such as
// a part of what was parsed. The values are parts of raw, not copies: they may be most of
// 64 MiB.
func Members(raw []byte) (Object, error) {
	if Kind(raw) != '{' {
		return nil, NewInvalid("model_attributes_type", "Input should be an object")
	}
	inner, ok := inside(raw, '{', '}')
	parts, paired := split(inner)
	if !ok || !paired {
		return nil, NewInvalid("json_invalid", "JSON decode error: the object has no end")
	}
	object := make(Object, len(parts))
	if len(parts) == 1 && len(parts[0]) == 0 {
		return object, nil
	}
	for _, part := range parts {
		name, value, err := member(part)
		if err != nil {
			return nil, NewInvalid("json_invalid", "JSON decode error: "+err.Error())
		}
		object[name] = value
	}
	return object, nil
}

// member takes a name and its value apart.
func member(part []byte) (name string, value json.RawMessage, err error) {
	end := 1
	for end < len(part) && part[end] != '"' {
		if part[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(part) || part[0] != '"' {
		return "", nil, errors.New("a member has no name")
	}
	if name = string(part[1:end]); strings.IndexByte(name, '\\') >= 0 {
		if err := json.Unmarshal(part[:end+1], &name); err != nil {
			return "", nil, err
		}
	}
	rest := bytes.TrimLeft(part[end+1:], blanks)
	if len(rest) == 0 || rest[0] != ':' {
		return "", nil, errors.New("a member has no value")
	}
	return name, bytes.TrimLeft(rest[1:], blanks), nil
}

// ParseArray reads raw as a JSON array in UTF-8 and returns its elements as they
// were written, without the white space around them.
func ParseArray(raw []byte) ([]json.RawMessage, error) {
	if err := CheckJSON(raw); err != nil {
		return nil, err
	}
	return Elements(raw)
}

// Elements is [ParseArray] for what is known to be valid JSON in UTF-8. The elements are
// parts of raw, not copies: they may be most of 64 MiB.
func Elements(raw []byte) ([]json.RawMessage, error) {
	if Kind(raw) != '[' {
		return nil, NewInvalid("list_type", "Input should be a valid list")
	}
	elements, ok := SplitArray(raw)
	if !ok {
		return nil, NewInvalid("json_invalid", "JSON decode error: the array has no end")
	}
	if len(elements) == 1 && len(elements[0]) == 0 {
		return []json.RawMessage{}, nil
	}
	return elements, nil
}

// SplitArray takes an array apart whose elements need not be JSON, as long as their brackets
// and quotes are paired: one element that no parser takes is told from the others then. It
// reports false for what is no array, or not all of one.
func SplitArray(raw []byte) (elements []json.RawMessage, ok bool) {
	inner, ok := inside(raw, '[', ']')
	if !ok {
		return nil, false
	}
	return split(inner)
}

// blanks are JSON's white space.
const blanks = " \t\r\n"

// inside is what stands between two brackets that all of raw stands in.
func inside(raw []byte, opening, closing byte) ([]byte, bool) {
	raw = bytes.Trim(raw, blanks)
	if len(raw) < 2 || raw[0] != opening || raw[len(raw)-1] != closing {
		return nil, false
	}
	return raw[1 : len(raw)-1], true
}

// split takes apart what commas divide; of nothing that is one part, which is empty. It
// reports false if brackets or quotes are not paired.
func split(raw []byte) (parts []json.RawMessage, ok bool) {
	depth, start, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth < 0 {
				return nil, false
			}
		case c == ',' && depth == 0:
			parts = append(parts, bytes.Trim(raw[start:i:i], blanks))
			start = i + 1
		}
	}
	return append(parts, bytes.Trim(raw[start:len(raw):len(raw)], blanks)), depth == 0 && !quoted
}

// Span is where the value of an object's member stands in raw, which is valid JSON; of a
// repeated name the last. It reports false if raw is no object, or has no such member.
func Span(raw []byte, name string) (start, end int, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return 0, 0, false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return 0, 0, false
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return 0, 0, false
		}
		if key == name {
			end, ok = int(dec.InputOffset()), true
			start = end - len(value)
		}
	}
	return start, end, ok
}

// Kind is the first byte of a valid JSON value: one of { [ " t f n - or a digit;
// 0 for nothing.
func Kind(raw []byte) byte {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return 0
	}
	return raw[0]
}

// Has says whether the object has a value of that name that is not null.
func (o Object) Has(name string) bool {
	kind := Kind(o[name])
	return kind != 0 && kind != 'n'
}

// String is the member's text; nil when it is missing or null. maxRunes limits
// its length in characters, 0 for no limit. NUL, which PostgreSQL cannot hold, is refused.
func (o Object) String(name string, maxRunes int) (*string, error) {
	if !o.Has(name) {
		return nil, nil
	}
	if Kind(o[name]) != '"' {
		return nil, NewInvalid("string_type", "Input should be a valid string", name)
	}
	var s string
	if err := json.Unmarshal(o[name], &s); err != nil {
		return nil, NewInvalid("string_type", "Input should be a valid string", name)
	}
	if err := CheckText(s, maxRunes); err != nil {
		return nil, Under(err, name)
	}
	return &s, nil
}

// Object is the member as an object; nil when it is missing or null.
func (o Object) Object(name string) (Object, error) {
	if !o.Has(name) {
		return nil, nil
	}
	object, err := Members(o[name])
	return object, Under(err, name)
}

// Int is the member as a whole number of 64 bits; nil when it is missing or null.
func (o Object) Int(name string) (*int64, error) {
	if !o.Has(name) {
		return nil, nil
	}
	var n int64
	if err := json.Unmarshal(o[name], &n); err != nil {
		return nil, NewInvalid("int_type", "Input should be a valid integer", name)
	}
	return &n, nil
}

// Bool is the member as a boolean; nil when it is missing or null.
func (o Object) Bool(name string) (*bool, error) {
	if !o.Has(name) {
		return nil, nil
	}
	var b bool
	if err := json.Unmarshal(o[name], &b); err != nil {
		return nil, NewInvalid("bool_type", "Input should be a valid boolean", name)
	}
	return &b, nil
}

// CheckText refuses NUL and more than maxRunes characters; 0 means no limit.
func CheckText(s string, maxRunes int) error {
	if strings.ContainsRune(s, 0) {
		return NewInvalid("string_nul", "String should not contain the NUL character")
	}
	if maxRunes > 0 && utf8.RuneCountInString(s) > maxRunes {
		return NewInvalid("string_too_long", "String should have at most "+itoa(maxRunes)+" characters")
	}
	return nil
}

// Fold is the form in which text is compared when case does not matter: lower
// case by Unicode's rules on every engine, NUL replaced.
func Fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(strings.ToValidUTF8(s, "\uFFFD")), "\x00", "\uFFFD")
}
