package autogen

import (
	"regexp"
	"strings"

	"ariga.io/atlas/sql/schema"
)

type defaultKind int

const (
	defaultString defaultKind = iota
	defaultNumber
	defaultBool
	defaultNow
	defaultUUID
	defaultExpression
)

// defaultValue is a parsed default tag.
type defaultValue struct {
	kind defaultKind
	// text is a string without quotes, a number, true or false, or SQL.
	text string
}

var (
	reNumber = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$`)
	reString = regexp.MustCompile(`^'((?:[^']|'')*)'$`)
	reNow    = regexp.MustCompile(`(?i)^(now\(\)|current_timestamp(\(\d?\))?|localtimestamp)$`)
	reUUID   = regexp.MustCompile(`(?i)^(gen_random_uuid|uuid_generate_v4|uuid)\(\)$`)
)

// parseDefault reads a default tag; false means that there is no default.
func parseDefault(tag string) (defaultValue, bool) {
	text := strings.TrimSpace(tag)
	for strings.HasPrefix(text, "(") && wrap(text) == text {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	lower := strings.ToLower(text)
	switch m := reString.FindStringSubmatch(text); {
	case lower == "" || lower == "null":
		return defaultValue{}, false
	case m != nil:
		return defaultValue{defaultString, strings.ReplaceAll(m[1], "''", "'")}, true
	case reNumber.MatchString(text):
		return defaultValue{defaultNumber, tidyNumber(text)}, true
	case lower == "true" || lower == "false":
		return defaultValue{defaultBool, lower}, true
	case reNow.MatchString(text):
		return defaultValue{defaultNow, text}, true
	case reUUID.MatchString(text):
		return defaultValue{defaultUUID, text}, true
	}
	return defaultValue{defaultExpression, text}, true
}

// truth parses the value as true or false. ok is false if it is neither.
func (d defaultValue) truth() (value, ok bool) {
	switch strings.ToLower(d.text) {
	case "true", "t", "1", "yes", "on":
		return true, d.kind <= defaultBool
	case "false", "f", "0", "no", "off":
		return false, d.kind <= defaultBool
	}
	return false, false
}

// isNumber reports whether literals of the type have no quotes.
func isNumber(t schema.Type) bool {
	switch t.(type) {
	case *schema.IntegerType, *schema.FloatType, *schema.DecimalType:
		return true
	}
	return false
}

// quote renders a string as a literal of standard SQL.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// wrap puts an expression into parentheses, unless it is in parentheses as a whole.
func wrap(x string) string {
	x = strings.TrimSpace(x)
	if strings.HasPrefix(x, "(") && closing(x) == len(x)-1 {
		return x
	}
	return "(" + x + ")"
}

// closing returns the index at which the first parenthesis of x is closed, or -1.
func closing(x string) int {
	depth, quoted := 0, byte(0)
	for i := range len(x) {
		switch c := x[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quoted = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
