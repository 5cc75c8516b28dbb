package sqlscan

import (
	"strings"
)

// Statement is a statement of a file.
type Statement struct {
	// Text is the statement without its delimiter and the comments before it.
	Text string
	// Line is the line on which the statement begins, from 1.
	Line int
	// Comments are the comments before the statement, without an empty line between.
	Comments []string
}

// Split splits a text into statements as the engine's client does. The error is an
// [*Error]; the statements returned with it are those before the error.
func (d *Dialect) Split(text string) ([]Statement, error) {
	s := splitter{lexer: d.lexer(text, ";")}
	var statements []Statement
	for {
		if err := s.readLeading(); err != nil {
			return statements, err
		}
		if s.pos == len(s.text) {
			return statements, nil
		}
		from := s.pos
		line := s.lineFrom(from)
		end, err := s.body()
		if err != nil {
			return statements, err
		}
		if statement := strings.TrimSpace(s.text[from:end]); statement != "" {
			statements = append(statements, Statement{Text: statement, Line: line, Comments: s.comments})
		}
	}
}

// splitter splits a text into statements.
type splitter struct {
	lexer
	comments []string // those before the present statement
	// lines is how many lines end before the offset counted.
	counted, lines int
}

// lineFrom returns the line of an offset, which must not be less than that of the last call. It counts
// each line once.
func (s *splitter) lineFrom(pos int) int {
	s.lines += strings.Count(s.text[s.counted:pos], "\n")
	s.counted = pos
	return s.lines + 1
}

// readLeading reads the comments and the client's commands before a statement.
func (s *splitter) readLeading() error {
	s.comments = nil
	ended := false // the last comment ended with its line
	for {
		if lines := strings.Count(s.space(), "\n"); lines > 1 || ended && lines > 0 {
			s.comments = nil
		}
		if s.pos == len(s.text) {
			return nil
		}
		switch {
		case s.commands && strings.HasPrefix(s.rest(), `\`):
			return s.fail(s.pos, "%s is a command of psql, not SQL: remove the line", strings.Fields(s.rest())[0])
		case s.delimiters && s.isDelimiterCommand():
			if err := s.setDelimiter(); err != nil {
				return err
			}
			ended = false
			continue
		}
		ahead := s.lexer
		token, err := ahead.next()
		if err != nil {
			return err
		}
		if token.Kind != comment {
			return nil
		}
		s.lexer = ahead
		ended = strings.HasSuffix(token.Text, "\n")
		s.comments = append(s.comments, token.Text)
	}
}

const delimiterCommand = "delimiter"

func (s *splitter) isDelimiterCommand() bool {
	rest := s.rest()
	if len(rest) <= len(delimiterCommand) || !strings.EqualFold(rest[:len(delimiterCommand)], delimiterCommand) {
		return false
	}
	after := rest[len(delimiterCommand)]
	return after == ' ' || after == '\t' || after == '\n'
}

// setDelimiter reads a line such as "DELIMITER //".
func (s *splitter) setDelimiter() error {
	from := s.pos
	line, _, _ := strings.Cut(s.rest(), "\n")
	s.pos += len(line)
	words := strings.Fields(line[len(delimiterCommand):])
	if len(words) == 0 {
		return s.fail(from, "DELIMITER names no delimiter")
	}
	s.delimiter = strings.Trim(words[0], `'"`+"`")
	if s.delimiter == "" || strings.Contains(s.delimiter, `\`) {
		return s.fail(from, "DELIMITER %s: no delimiter can be this", words[0])
	}
	return nil
}

// body reads a statement and its delimiter, and returns the end of the statement's text.
func (s *splitter) body() (end int, err error) {
	depth := 0
	open := s.Dialect.blocks()
	for s.space(); s.pos < len(s.text); s.space() {
		if strings.HasPrefix(s.rest(), s.delimiter) && !s.reader.Executing() && (s.delimiter != ";" || depth == 0 && !open.inside()) {
			end = s.pos
			s.pos += len(s.delimiter)
			return end, nil
		}
		token, err := s.next()
		if err != nil {
			return 0, err
		}
		if token.Kind >= comment {
			continue
		}
		if s.parentheses && token.Is("(") {
			depth++
		}
		if s.parentheses && token.Is(")") {
			depth = max(depth-1, 0)
		}
		open.feed(token, s.lexer)
	}
	if s.reader.Executing() {
		return 0, s.fail(len(s.text), "a comment /*! has no end")
	}
	return len(s.text), nil
}

// Delimited returns a statement with its delimiter, in a form that [Dialect.Split] and
// the engine's client read as one statement. A statement with a semicolon in it is for
// MySQL written between two DELIMITER lines; all others get a semicolon at the end.
func (d *Dialect) Delimited(statement string) string {
	if !d.delimiters || !strings.Contains(statement, ";") {
		return statement + ";\n"
	}
	delimiter := "//"
	for strings.Contains(statement, delimiter) {
		delimiter += "/"
	}
	return "DELIMITER " + delimiter + "\n" + statement + "\n" + delimiter + "\nDELIMITER ;\n"
}
