package migrate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// The marks in SQL files: lines with directivePrefix and one of the words.
const (
	directivePrefix = "-- migrate:"
	markUpgrade     = "upgrade"
	markDowngrade   = "downgrade"
	markNoTx        = "no-transaction"
)

// byteOrderMark is a character with which some editors begin a file.
const byteOrderMark = "\ufeff"

// ParseScript reads the text of a SQL file for an engine, and splits its two sections
// into statements by the engine's syntax. Before the first section only comments are
// allowed.
func ParseScript(engine dbmodule.Engine, text string) (Script, error) {
	sections, err := splitSections(strings.ReplaceAll(strings.TrimPrefix(text, byteOrderMark), "\r\n", "\n"))
	if err != nil {
		return Script{}, err
	}
	up, hasUp := sections[markUpgrade]
	down, hasDown := sections[markDowngrade]
	if !hasUp {
		return Script{}, fmt.Errorf("the line %q is missing", directivePrefix+markUpgrade)
	}
	var errs [2]error
	s := Script{engine: engine, Irreversible: !hasDown}
	s.Upgrade, errs[0] = splitStatements(engine, up)
	s.Downgrade, errs[1] = splitStatements(engine, down)
	return s, errors.Join(errs[:]...)
}

// section is a part of a file.
type section struct {
	text string
	line int // its first line, from 1
}

// splitSections splits a file at its section marks. It leaves no-transaction marks in the text,
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

// splitStatements splits a section into statements.
func splitStatements(engine dbmodule.Engine, s section) ([]Statement, error) {
	scanned, unread := sqlscan.For(engine).Split(s.text)
	statements := make([]Statement, 0, len(scanned))
	for _, found := range scanned {
		line := s.line + found.Line - 1
		if err := checkAllowed(engine, found.Text); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", line, firstWords(found.Text), err)
		}
		statements = append(statements, Statement{Text: found.Text, NoTransaction: hasNoTxMark(found.Comments), Line: line})
	}
	var unreadable *sqlscan.Error
	if errors.As(unread, &unreadable) {
		return nil, fmt.Errorf("line %d: %s", s.line+unreadable.Line-1, unreadable.Problem)
	}
	return statements, errors.Join(unread, strayMarks(s, statements))
}

// controlsTransaction reports whether a statement begins or ends a transaction. A ROLLBACK to a
// savepoint does not, and neither does the end of a transaction that was prepared before.
func controlsTransaction(engine dbmodule.Engine, first []sqlscan.Token) bool {
	rest := first[1:]
	for len(rest) > 0 && rest[0].Is("WORK", "TRANSACTION") {
		rest = rest[1:]
	}
	next := func(words ...string) bool { return len(rest) > 0 && rest[0].Is(words...) }
	switch {
	case first[0].Is("COMMIT", "END"), first[0].Is("ABORT") && engine == dbmodule.PostgreSQL:
		return !next("PREPARED")
	case first[0].Is("ROLLBACK"):
		return !next("TO", "PREPARED")
	case first[0].Is("BEGIN"): // on MariaDB it can begin a block
		return engine != dbmodule.MySQL || len(rest) == 0
	case first[0].Is("START", "PREPARE"):
		return len(first) > 1 && first[1].Is("TRANSACTION")
	}
	return false
}

// disablesAutocommit reports whether settings switch autocommit off, so that a transaction stays open after
// each statement.
func disablesAutocommit(setting []sqlscan.Token) bool {
	for i, token := range setting {
		if !token.Is("autocommit") {
			continue
		}
		i++
		for i < len(setting) && (setting[i].Is(":") || setting[i].Is("=")) {
			i++
		}
		if i < len(setting) && (setting[i].Is("0", "OFF", "FALSE") || setting[i].Kind == sqlscan.String && strings.EqualFold(setting[i].Text, "'OFF'")) {
			return true
		}
	}
	return false
}

// enoughOfSettings is how many tokens of a SET are read.
const enoughOfSettings = 200

// checkAllowed returns an error if a revision may not contain the statement.
func checkAllowed(engine dbmodule.Engine, text string) error {
	d := sqlscan.For(engine)
	const enough = 4 // ROLLBACK WORK TO …
	first := d.First(text, enough)
	switch {
	case len(first) == 0:
		return nil
	case controlsTransaction(engine, first), engine == dbmodule.MySQL && first[0].Is("SET") && disablesAutocommit(d.First(text, enoughOfSettings)):
		return fmt.Errorf("transactions are begun and ended around revisions: remove it; mark a statement that can't run in one by %q", directivePrefix+markNoTx)
	case engine == dbmodule.PostgreSQL && first[0].Is("COPY") && fromStdin(d.Tokens(text)):
		return errors.New("its rows stand in the file for psql alone to send: write INSERTs instead, as pg_dump --inserts does")
	}
	return nil
}

// fromStdin reports whether a COPY reads its rows from the client.
func fromStdin(copying []sqlscan.Token) bool {
	for i, token := range copying {
		if token.Is("STDIN") && copying[i-1].Is("FROM") {
			return true
		}
	}
	return false
}

// strayMarks returns an error if a no-transaction mark belongs to no statement, for example because
// an empty line follows it. Otherwise the mark would have no effect, without an error.
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

// hasNoTxMark reports whether one of a statement's comments is no-transaction.
func hasNoTxMark(comments []string) bool {
	for _, comment := range comments {
		for line := range strings.SplitSeq(comment, "\n") {
			if isNoTxMark(line) {
				return true
			}
		}
	}
	return false
}

// Text returns the script as the text of a SQL file, without comments.
func (s Script) Text() string {
	var b strings.Builder
	b.WriteString(directivePrefix + markUpgrade + "\n")
	writeStatements(&b, s.engine, s.Upgrade)
	if !s.Irreversible {
		b.WriteString("\n" + directivePrefix + markDowngrade + "\n")
		writeStatements(&b, s.engine, s.Downgrade)
	}
	return b.String()
}

func writeStatements(b *strings.Builder, engine dbmodule.Engine, statements []Statement) {
	for _, statement := range statements {
		if statement.NoTransaction {
			b.WriteString(directivePrefix + markNoTx + "\n")
		}
		b.WriteString(sqlscan.For(engine).Delimited(statement.Text))
	}
}
