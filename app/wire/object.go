package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Object has the members of a JSON object by name. The values are unchanged JSON texts. If a name is
// repeated, the last value is used, as in Python and JavaScript.
type Object map[string]json.RawMessage

// CheckJSON returns an error unless raw is one JSON document in UTF-8. Like encoding/json, it accepts up to
// 10,000 levels.
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

// Members is [ParseObject] for text that is known to be valid JSON in UTF-8. The values are slices of raw
// and not copies, because they may be large.
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

// member splits a member into its name and its value.
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

// ParseArray reads raw as a JSON array in UTF-8. It returns its elements unchanged, without the white space
// around them.
func ParseArray(raw []byte) ([]json.RawMessage, error) {
	if err := CheckJSON(raw); err != nil {
		return nil, err
	}
	return Elements(raw)
}

// Elements is [ParseArray] for text that is known to be valid JSON in UTF-8. The elements are slices of raw
// and not copies, because they may be large.
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

// SplitArray splits an array whose elements may be invalid JSON, as long as their brackets and quotes are
// paired. So one invalid element does not affect the others. It reports false if raw is not a complete
// array.
func SplitArray(raw []byte) (elements []json.RawMessage, ok bool) {
	inner, ok := inside(raw, '[', ']')
	if !ok {
		return nil, false
	}
	return split(inner)
}

// blanks is JSON's white space.
const blanks = " \t\r\n"

// inside returns the text between the brackets that enclose raw.
func inside(raw []byte, opening, closing byte) ([]byte, bool) {
	raw = bytes.Trim(raw, blanks)
	if len(raw) < 2 || raw[0] != opening || raw[len(raw)-1] != closing {
		return nil, false
	}
	return raw[1 : len(raw)-1], true
}

// split splits raw at the commas outside of brackets and quotes. An empty raw gives one empty part. It
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

// Span returns where the value of a member begins and ends in raw, which must be valid JSON. If the name is
// repeated, it is the last value. It reports false if raw is not an object, or has no such member.
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

// Kind returns the first byte of a valid JSON value, which tells its type: one of { [ " t f n - or a digit.
// It returns 0 for an empty text.
func Kind(raw []byte) byte {
	raw = bytes.TrimLeft(raw, blanks)
	if len(raw) == 0 {
		return 0
	}
	return raw[0]
}

// Has reports whether the object has a member of that name that is not null.
func (o Object) Has(name string) bool {
	kind := Kind(o[name])
	return kind != 0 && kind != 'n'
}

// String returns the member as a string, or nil if it is missing or null. maxRunes is the largest number
// of characters, 0 for no limit. A text with NUL is refused, because PostgreSQL can't store it.
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

// Object returns the member as an object, or nil if it is missing or null.
func (o Object) Object(name string) (Object, error) {
	if !o.Has(name) {
		return nil, nil
	}
	object, err := Members(o[name])
	return object, Under(err, name)
}

// Int returns the member as an int64, or nil if it is missing or null.
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

// Bool returns the member as a boolean, or nil if it is missing or null.
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

// CheckText returns an error if a text has NUL or more than maxRunes characters; 0 is no limit.
func CheckText(s string, maxRunes int) error {
	if strings.ContainsRune(s, 0) {
		return NewInvalid("string_nul", "String should not contain the NUL character")
	}
	if maxRunes > 0 && utf8.RuneCountInString(s) > maxRunes {
		return NewInvalid("string_too_long", "String should have at most "+strconv.Itoa(maxRunes)+" characters")
	}
	return nil
}

// Fold returns the form in which texts are compared without regard to case: lower case by Unicode's rules,
// the same on every engine. It replaces NUL and invalid UTF-8.
func Fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(strings.ToValidUTF8(s, "\uFFFD")), "\x00", "\uFFFD")
}
