package sqlscan

import "strings"

// blocks reads the tokens of a statement, and tells whether a semicolon belongs to a body
// inside the statement.
type blocks interface {
	// feed reads the next token. ahead is a lexer after this token, for looking ahead.
	feed(token Token, ahead lexer)
	// inside reports whether the next semicolon would belong to a body, and not end the
	// statement.
	inside() bool
}

// sqliteBlocks finds the end of CREATE TRIGGER as SQLite's shell does: at "; END ;".
type sqliteBlocks struct {
	count    int
	trigger  bool
	last     Token
	endAfter bool // the last token is END after a semicolon
}

func newSQLiteBlocks() blocks { return &sqliteBlocks{} }

func (b *sqliteBlocks) feed(token Token, _ lexer) {
	b.count++
	switch {
	case b.count == 1 && token.Is("EXPLAIN"), b.count == 2 && token.Is("TEMP", "TEMPORARY"):
		b.count--
	case b.count == 2 && token.Is("TRIGGER") && b.last.Is("CREATE", "TEMP", "TEMPORARY"):
		b.trigger = true
	}
	b.endAfter = token.Is("END") && b.last.Is(";")
	b.last = token
}

func (b *sqliteBlocks) inside() bool { return b.trigger && !b.endAfter }

// postgresBlocks finds the bodies of functions in SQL syntax: BEGIN ATOMIC … END.
type postgresBlocks struct {
	words []string // the first words of the statement
	depth int      // how many BEGIN and CASE are open
}

func newPostgresBlocks() blocks { return &postgresBlocks{} }

func (b *postgresBlocks) feed(token Token, _ lexer) {
	if token.Kind != Word {
		return
	}
	if len(b.words) < 4 {
		b.words = append(b.words, strings.ToUpper(token.Text))
	}
	switch {
	case token.Is("BEGIN") && b.routine(), token.Is("CASE") && b.depth > 0:
		b.depth++
	case token.Is("END") && b.depth > 0:
		b.depth--
	}
}

// routine reports whether the statement creates a function or a procedure.
func (b *postgresBlocks) routine() bool {
	words := strings.Join(b.words, " ") + " "
	words = strings.Replace(words, "CREATE OR REPLACE ", "CREATE ", 1)
	return strings.HasPrefix(words, "CREATE FUNCTION ") || strings.HasPrefix(words, "CREATE PROCEDURE ")
}

func (b *postgresBlocks) inside() bool { return b.depth > 0 }

// mysqlBlocks finds the bodies of stored programs and compound statements. The server's
// own client does not; it needs DELIMITER.
type mysqlBlocks struct {
	count      int   // how many tokens were read
	classified bool  // program is final
	program    bool  // the statement is a stored program or a compound statement
	depth      int   // how many blocks are open
	last       Token // the token before
	brackets   int   // how many parentheses are open
	// handler is true between HANDLER FOR and the handler's statement.
	handler bool
}

func newMySQLBlocks() blocks { return &mysqlBlocks{} }

func (b *mysqlBlocks) inside() bool { return b.program && b.depth > 0 }

// programs are the objects with a body that CREATE can create.
var programs = []string{"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"}

// noPrograms are the objects without a body. After one of these words the statement is no program.
var noPrograms = []string{"TABLE", "VIEW", "INDEX", "UNIQUE", "FULLTEXT", "SPATIAL", "DATABASE", "SCHEMA", "USER", "ROLE", "SERVER", "SEQUENCE", "TEMPORARY", "TABLESPACE", "LOGFILE"}

func (b *mysqlBlocks) feed(token Token, ahead lexer) {
	b.count++
	b.classify(token, ahead)
	if b.program {
		b.countOpen(token, ahead)
	}
	b.last = token
}

// classify finds out whether the statement is a program.
func (b *mysqlBlocks) classify(token Token, ahead lexer) {
	switch {
	case b.classified:
	case b.count == 1 && !token.Is("CREATE", "ALTER"):
		b.classified = true
		b.program = token.Is("BEGIN") && peek(ahead).Is("NOT") || token.Is("IF", "WHILE", "LOOP", "REPEAT", "FOR", "CASE")
	case token.Is(programs...):
		b.classified, b.program = true, true
	case token.Is(noPrograms...):
		b.classified = true
	}
}

// countOpen counts the parentheses and blocks that are open.
func (b *mysqlBlocks) countOpen(token Token, ahead lexer) {
	switch {
	case token.Is("("):
		b.brackets++
	case token.Is(")"):
		b.brackets--
	case token.Is(";"):
		b.handler = false
	case token.Is("FOR") && b.last.Is("HANDLER"):
		b.handler = true
	case token.Is("END") && b.depth > 0:
		b.depth--
	case b.last.Is("END"):
	case token.Is("CASE"), token.Is("BEGIN", "LOOP", "WHILE") && b.canBegin(), token.Is("IF") && b.canBegin() && !isFunction(ahead, 2),
		token.Is("REPEAT") && b.canBegin() && !peek(ahead).Is("("), token.Is("FOR") && b.canBegin() && isLoop(ahead):
		b.depth++
		b.handler = false
	}
}

// canBegin reports whether a statement can begin after the last token. Before the first block of a
// program, one can begin nearly everywhere.
func (b *mysqlBlocks) canBegin() bool {
	if b.depth == 0 {
		return b.brackets == 0 && !b.last.Is(append(programs, "BODY")...)
	}
	return b.handler || b.last.Is(";") || b.last.Is(":") || b.last.Is("BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ATOMIC")
}

// peek returns the next token, or an empty one at the end.
func peek(ahead lexer) Token {
	for ahead.space(); ahead.pos < len(ahead.text); ahead.space() {
		token, err := ahead.next()
		if err != nil {
			break
		}
		if token.Kind < comment {
			return token
		}
	}
	return Token{}
}

// isLoop reports whether the tokens after FOR make it a loop, FOR i IN …, and not FOR EACH ROW or
// the like.
func isLoop(ahead lexer) bool {
	for range 2 {
		ahead.space()
		if ahead.pos == len(ahead.text) {
			return false
		}
		token, err := ahead.next()
		if err != nil {
			return false
		}
		if token.Is("IN") {
			return true
		}
	}
	return false
}

// isFunction reports whether the parentheses that come next have as many commas as a call of a
// function. It distinguishes the function IF(a, b, c) from the statement IF (a) THEN.
func isFunction(ahead lexer, commas int) bool {
	if !peek(ahead).Is("(") {
		return false
	}
	depth, found := 0, 0
	for ahead.space(); ahead.pos < len(ahead.text); ahead.space() {
		token, err := ahead.next()
		switch {
		case err != nil:
			return false
		case token.Is("("):
			depth++
		case token.Is(")"):
			if depth--; depth == 0 {
				return found == commas
			}
		case token.Is(",") && depth == 1:
			found++
		}
	}
	return false
}
