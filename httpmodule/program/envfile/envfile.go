// Package envfile reads a file of environment variables, such as .env.
//
// Each line has one variable:
//
//	# a comment has a line of its own
//	PORT=8080
//	export HOST=127.0.0.1
//	GREETING="two words, \"quoted\"\nand a second line"
//	PASSWORD='nothing in here is special: $ # \'
//
// Blanks around a value without quotes are dropped. In double quotes, \n, \t, \r, \", \$ and \\
// are escapes; in single quotes nothing is special. A value ends on its line. References to other
// variables are not replaced.
//
// Other programs read a # after a blank, and ${…}, in different ways. So outside of quotes both are
// errors, and ${…} in double quotes too.
package envfile

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Variable is one line of a file.
type Variable struct {
	Name, Value string
	// Line is its number, from 1.
	Line int
}

// Error says what is wrong with a line. It does not contain the line, which may be a secret.
type Error struct {
	Line int
	// Text says what is wrong and what to do.
	Text string
}

// Error names the line.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// maxSize is the largest file that is read, in bytes.
const maxSize = 1 << 20

// Read reads a file. If lines are wrong it returns no variables, and an error that joins an [Error]
// for each.
func Read(path string) ([]Variable, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("envfile: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("envfile: %s: takes a file of at most %d bytes", path, maxSize)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("envfile: %w", err)
	}
	variables, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("envfile: %s: %w", path, err)
	}
	return variables, nil
}

// Parse reads the text of a file. The error joins an [Error] for each wrong line.
func Parse(text string) ([]Variable, error) {
	var (
		variables []Variable
		wrong     []error
	)
	lines := make(map[string]int)
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		v, problem := parseLine(line)
		if first, twice := lines[v.Name]; problem == "" && twice {
			problem = fmt.Sprintf("the variable is set in line %d already", first)
		}
		if problem != "" {
			wrong = append(wrong, &Error{Line: number, Text: problem})
			continue
		}
		v.Line, lines[v.Name] = number, number
		variables = append(variables, v)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return variables, nil
}

var (
	assignment = regexp.MustCompile(`^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)$`)
	escape     = regexp.MustCompile(`\\.?`)
)

// parseLine returns a variable, or what is wrong with its line.
func parseLine(line string) (v Variable, problem string) {
	parts := assignment.FindStringSubmatch(line)
	if parts == nil {
		return v, "takes NAME=value, or a comment that begins with #"
	}
	v.Name, v.Value = parts[1], parts[2]
	if strings.ContainsRune(v.Value, 0) {
		return v, "no variable can hold a zero byte"
	}
	switch {
	case strings.HasPrefix(v.Value, `'`):
		v.Value, problem = unquote(v.Value, '\'')
	case strings.HasPrefix(v.Value, `"`):
		if v.Value, problem = unquote(v.Value, '"'); problem == "" {
			v.Value, problem = unescape(v.Value)
		}
	default:
		problem = ambiguous(v.Value)
	}
	return v, problem
}

// unquote removes the quotes. In double quotes, a quote after a backslash does not end the value.
func unquote(value string, quote byte) (inner, problem string) {
	for i := 1; i < len(value); i++ {
		switch {
		case value[i] == '\\' && quote == '"':
			i++
		case value[i] == quote:
			if i != len(value)-1 {
				return "", "something follows the closing quote: a comment has a line of its own"
			}
			return value[1:i], ""
		}
	}
	return "", "the quote does not end in its line; write \\n in double quotes for a new line"
}

// unescape replaces the escapes of a value in double quotes.
func unescape(value string) (plain, problem string) {
	known := map[string]string{`\n`: "\n", `\t`: "\t", `\r`: "\r", `\"`: `"`, `\$`: "$", `\\`: `\`}
	plain = escape.ReplaceAllStringFunc(value, func(found string) string {
		text, ok := known[found]
		if !ok {
			problem = `takes \n, \t, \r, \", \$ and \\ in double quotes: use single quotes for a text with other backslashes`
		}
		return text
	})
	if problem == "" && strings.Contains(strings.ReplaceAll(value, `\$`, ""), "${") {
		problem = "variables are not replaced in values: write the value itself, or use single quotes if it has ${ in it"
	}
	return plain, problem
}

// ambiguous returns why other programs would read a value without quotes in another way, or "".
func ambiguous(value string) (problem string) {
	switch {
	case strings.Contains(value, " #") || strings.Contains(value, "\t#") || strings.HasPrefix(value, "#"):
		return "use quotes for a value with # in it; a comment has a line of its own"
	case strings.Contains(value, "${"):
		return "variables are not replaced in values: write the value itself, or use single quotes if it has ${ in it"
	}
	return ""
}
