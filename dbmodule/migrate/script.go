package migrate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"

	"github.com/openhands-go/server/dbmodule"
)

// The comments that mean something in a SQL file.
const (
	directivePrefix = "-- migrate:"
	markUpgrade     = "upgrade"
	markDowngrade   = "downgrade"
	markNoTx        = "no-transaction"
)

// ParseScript reads the text of a SQL file for an engine: its two sections,
// split into statements by the engine's rules of quoting. Text before the
// first section may only be comments.
func ParseScript(engine dbmodule.Engine, text string) (Script, error) {
	sections, err := splitSections(strings.ReplaceAll(text, "\r\n", "\n"))
	if err != nil {
		return Script{}, err
	}
	up, hasUp := sections[markUpgrade]
	down, hasDown := sections[markDowngrade]
	if !hasUp {
		return Script{}, fmt.Errorf("the line %q is missing", directivePrefix+markUpgrade)
	}
	var errs [2]error
	s := Script{Irreversible: !hasDown}
	s.Upgrade, errs[0] = splitStatements(engine, up)
	s.Downgrade, errs[1] = splitStatements(engine, down)
	return s, errors.Join(errs[:]...)
}

// section is a part of a file.
type section struct {
	text string
	line int // its first line, from 1
}

// splitSections cuts a file at its section marks. no-transaction marks stay,
// as comments of their statements.
func splitSections(text string) (map[string]section, error) {
	sections := map[string]section{}
	var current string
	var lines []string
	from := 1
	flush := func(next string, line int) error {
		body := strings.Join(lines, "\n")
		if current == "" {
			if statement := firstStatementLine(lines); statement != "" {
				return fmt.Errorf("%q stands before the first section: begin with %q", statement, directivePrefix+markUpgrade)
			}
		} else {
			sections[current] = section{text: body, line: from}
		}
		if _, twice := sections[next]; twice {
			return fmt.Errorf("line %d: a second section %q", line, next)
		}
		current, lines, from = next, nil, line+1
		return nil
	}
	for i, line := range strings.Split(text, "\n") {
		mark, isMark := strings.CutPrefix(strings.TrimRight(line, " \t"), directivePrefix)
		switch {
		case !isMark || mark == markNoTx:
			lines = append(lines, line)
		case mark == markUpgrade || mark == markDowngrade:
			if err := flush(mark, i+1); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("line %d: no mark is called %q: there are %s, %s and %s", i+1, mark, markUpgrade, markDowngrade, markNoTx)
		}
	}
	return sections, flush("", 0)
}

// firstStatementLine returns the first line that is neither empty nor a comment.
func firstStatementLine(lines []string) string {
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			return line
		}
	}
	return ""
}

// scannerOptions are the engine's rules of quoting.
func scannerOptions(engine dbmodule.Engine) atlas.ScannerOptions {
	switch engine {
	case dbmodule.PostgreSQL:
		return atlas.ScannerOptions{MatchBeginAtomic: true, MatchDollarQuote: true, EscapedStringExt: true, OmitDelimiter: true}
	case dbmodule.MySQL:
		return atlas.ScannerOptions{MatchBegin: true, BackslashEscapes: true, HashComments: true, OmitDelimiter: true}
	default:
		return atlas.ScannerOptions{MatchBegin: true, OmitDelimiter: true}
	}
}

// reTransaction matches statements that would take the transaction from the
// runner's hands.
var reTransaction = regexp.MustCompile(`(?i)^(begin|start\s+transaction|commit|rollback|end)\b(\s+(work|transaction|immediate|exclusive|deferred))*\s*;?$`)

// reBackslashQuote matches what the scanner takes for the end of a string.
var reBackslashQuote = regexp.MustCompile(`(?i)\be'(?:[^'\\]|''|\\[^'])*\\'`)

func splitStatements(engine dbmodule.Engine, s section) ([]Statement, error) {
	if at := reBackslashQuote.FindStringIndex(s.text); at != nil && engine == dbmodule.PostgreSQL {
		return nil, fmt.Errorf("line %d: a string E'…' has the quote \\': write it as '' instead", s.line+strings.Count(s.text[:at[0]], "\n"))
	}
	scanner := atlas.Scanner{ScannerOptions: scannerOptions(engine)}
	scanned, err := scanner.Scan(s.text)
	if err != nil {
		return nil, fmt.Errorf("split statements: %w", err)
	}
	var statements []Statement
	for _, stmt := range scanned {
		text := strings.TrimSpace(stmt.Text)
		if text == "" {
			continue
		}
		line := s.line + strings.Count(s.text[:min(stmt.Pos, len(s.text))], "\n")
		if reTransaction.MatchString(text) {
			return nil, fmt.Errorf("line %d: %s: transactions are begun and ended around revisions; mark a statement that can't run in one by %q",
				line, text, directivePrefix+markNoTx)
		}
		statements = append(statements, Statement{Text: text, NoTransaction: marked(stmt.Comments), Line: line})
	}
	return statements, strayMarks(s, statements)
}

// strayMarks reports marks that belong to no statement: a mark that an empty
// line parts from its statement would be lost in silence.
func strayMarks(s section, statements []Statement) error {
	marks := 0
	for line := range strings.SplitSeq(s.text, "\n") {
		if isNoTxMark(line) {
			marks++
		}
	}
	for _, statement := range statements {
		if statement.NoTransaction {
			marks--
		}
	}
	if marks != 0 {
		return fmt.Errorf("a line %q does not stand right before a statement", directivePrefix+markNoTx)
	}
	return nil
}

func isNoTxMark(line string) bool { return strings.TrimRight(line, " \t") == directivePrefix+markNoTx }

// marked reports whether one of a statement's comments is no-transaction.
func marked(comments []string) bool {
	for _, comment := range comments {
		for line := range strings.SplitSeq(comment, "\n") {
			if isNoTxMark(line) {
				return true
			}
		}
	}
	return false
}

// Text returns the script as a SQL file has it, without its comments.
func (s Script) Text() string {
	var b strings.Builder
	b.WriteString(directivePrefix + markUpgrade + "\n")
	writeStatements(&b, s.Upgrade)
	if !s.Irreversible {
		b.WriteString("\n" + directivePrefix + markDowngrade + "\n")
		writeStatements(&b, s.Downgrade)
	}
	return b.String()
}

func writeStatements(b *strings.Builder, statements []Statement) {
	for _, statement := range statements {
		if statement.NoTransaction {
			b.WriteString(directivePrefix + markNoTx + "\n")
		}
		b.WriteString(statement.Text + ";\n")
	}
}
