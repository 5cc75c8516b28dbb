package sqlscan

import "strings"

// blocks follows a statement whose body has semicolons of its own.
type blocks interface {
	// feed takes the next token, and the lexer behind it to look ahead.
	feed(token Token, ahead lexer)
	// inside reports whether a semicolon that comes now ends nothing.
	inside() bool
}

// sqliteBlocks follows CREATE TRIGGER as SQLite's shell does: it ends with
// "; END ;".
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
	b.endAfter = token.Is("END") && b.last.IsSymbol(";")
	b.last = token
}

func (b *sqliteBlocks) inside() bool { return b.trigger && !b.endAfter }

// postgresBlocks follows functions whose body is SQL: BEGIN ATOMIC … END.
type postgresBlocks struct {
	words []string // the first few
	depth int
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

func (b *postgresBlocks) routine() bool {
	words := strings.Join(b.words, " ") + " "
	words = strings.Replace(words, "CREATE OR REPLACE ", "CREATE ", 1)
	return strings.HasPrefix(words, "CREATE FUNCTION ") || strings.HasPrefix(words, "CREATE PROCEDURE ")
}

func (b *postgresBlocks) inside() bool { return b.depth > 0 }

// mysqlBlocks follows stored programs and compound statements. The server's
// own client can't: it needs DELIMITER.
type mysqlBlocks struct {
	count    int
	settled  bool // whether it is a program is known
	program  bool
	depth    int
	last     Token
	brackets int
	// handler is true between HANDLER FOR and the statement that handles.
	handler bool
}

func newMySQLBlocks() blocks { return &mysqlBlocks{} }

func (b *mysqlBlocks) inside() bool { return b.program && b.depth > 0 }

// programs are what CREATE can make that has a body.
var programs = []string{"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"}

// noPrograms are the others, which end the search for the former.
var noPrograms = []string{"TABLE", "VIEW", "INDEX", "UNIQUE", "FULLTEXT", "SPATIAL", "DATABASE", "SCHEMA", "USER", "ROLE", "SERVER", "SEQUENCE", "TEMPORARY", "TABLESPACE", "LOGFILE"}

func (b *mysqlBlocks) feed(token Token, ahead lexer) {
	b.count++
	b.settle(token, ahead)
	if b.program {
		b.follow(token, ahead)
	}
	b.last = token
}

// settle finds out what the statement is.
func (b *mysqlBlocks) settle(token Token, ahead lexer) {
	switch {
	case b.settled:
	case b.count == 1 && !token.Is("CREATE", "ALTER"):
		b.settled = true
		b.program = token.Is("BEGIN") && peek(ahead).Is("NOT") || token.Is("IF", "WHILE", "LOOP", "REPEAT", "FOR", "CASE")
	case token.Is(programs...):
		b.settled, b.program = true, true
	case token.Is(noPrograms...):
		b.settled = true
	}
}

// follow counts what is open.
func (b *mysqlBlocks) follow(token Token, ahead lexer) {
	switch {
	case token.IsSymbol("("):
		b.brackets++
	case token.IsSymbol(")"):
		b.brackets--
	case token.IsSymbol(";"):
		b.handler = false
	case token.Is("FOR") && b.last.Is("HANDLER"):
		b.handler = true
	case token.Is("END") && b.depth > 0:
		b.depth--
	case b.last.Is("END"):
	case token.Is("CASE"), token.Is("BEGIN", "LOOP", "WHILE") && b.begins(), token.Is("IF") && b.begins() && !isFunction(ahead, 2),
		token.Is("REPEAT") && b.begins() && !peek(ahead).IsSymbol("("), token.Is("FOR") && b.begins() && isLoop(ahead):
		b.depth++
		b.handler = false
	}
}

// begins reports whether a statement can begin after the last token. In the
// head of a program that is nearly everywhere.
func (b *mysqlBlocks) begins() bool {
	if b.depth == 0 {
		return b.brackets == 0 && !b.last.Is(append(programs, "BODY")...)
	}
	return b.handler || b.last.IsSymbol(";") || b.last.IsSymbol(":") || b.last.Is("BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ATOMIC")
}

// peek returns the token that comes next, or an empty one.
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

// isLoop tells FOR i IN … from FOR EACH ROW and the rest.
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

// isFunction tells the function IF(a, b, c) from the statement IF (a) THEN, by
// the commas in the parentheses.
func isFunction(ahead lexer, commas int) bool {
	if !peek(ahead).IsSymbol("(") {
		return false
	}
	depth, found := 0, 0
	for ahead.space(); ahead.pos < len(ahead.text); ahead.space() {
		token, err := ahead.next()
		switch {
		case err != nil:
			return false
		case token.IsSymbol("("):
			depth++
		case token.IsSymbol(")"):
			if depth--; depth == 0 {
				return found == commas
			}
		case token.IsSymbol(",") && depth == 1:
			found++
		}
	}
	return false
}
