package dbmodule

import (
	"strings"
	"sync"
)

// Bun renders arguments into the text, so that every statement is new to the
// engine: it is parsed and planned again, on PostgreSQL with a second round
// trip. The scanner here finds the literals of a statement that can be bound
// instead without a change of meaning. It works on the text alone, so what is
// bound has the value and the type that the engine would have read.
//
// Only literals in certain places qualify: where they stand by themselves
// after a comparison, in IN and VALUES lists, behind SET, LIMIT and OFFSET.
// Never in lists of columns, GROUP BY, ORDER BY, HAVING, RETURNING and
// conflict targets, where equal text must stay equal (ordinals, grouped
// expressions, column names, index predicates), nor in arguments of
// functions, whose choice can hang on a type that a parameter has not got.
// Everything else stays text, as does all of a statement that the scanner does
// not understand.

const (
	// longestLifted and mostLifted bound the statements that are worth a look,
	// in bytes and in values: beyond, the values weigh more than the parsing.
	longestLifted = 8 << 10
	mostLifted    = 256
)

// literalKind is the type of a literal, as the engine reads it.
type literalKind byte

const (
	textLiteral    literalKind = 's'
	blobLiteral    literalKind = 'x'
	boolLiteral    literalKind = 'b'
	int32Literal   literalKind = 'i'
	int64Literal   literalKind = 'l'
	decimalLiteral literalKind = 'n'
)

// literal is a value in a statement that can be bound.
type literal struct {
	start, end int // the text, quotes and sign included
	kind       literalKind
	// data literals are stored: they differ each time. Others may be the same
	// for ever, such as the state in a partial index's predicate.
	data bool
}

// clause is the part of a statement that a literal stands in.
type clause byte

const (
	noClause   clause = iota // before the first word that matters
	selectList               // and other places that nothing is lifted from
	fromClause
	whereClause
	valuesClause
	setClause
	conflictTarget
)

// before is what stands in front of a token.
type before byte

const (
	somethingElse before = iota
	operand
	comparison // and LIKE and so on
	arithmetic // + and -
	comma
	opening
	inWord     // IN, ANY
	limitWord  // LIMIT, OFFSET
	rangeWord  // BETWEEN, and its AND
	valuesWord // VALUES, ROW
)

// level is a pair of parentheses.
type level struct {
	clause clause
	// own is set once the level has a statement of its own.
	own bool
	// dead levels are inside a list of columns and the like.
	dead bool
	// list levels hold values: IN (…), ANY (…), a row of VALUES.
	list bool
	// ranges counts BETWEEN whose AND has not come yet.
	ranges int
}

type scanner struct {
	sqlMasker
	literals []literal
	// key is the statement without its literals.
	key    []byte
	copied int // up to where the key has the statement
	levels []level
	prev   before
	// last is the word before, in upper case; "" after anything else.
	last  string
	first string
	// insert is set in INSERT and REPLACE: rows of VALUES are data.
	insert bool
	// rows is set in statements that return some.
	rows bool
	ok   bool
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// scan looks for literals. The caller gives the scanner back with put. It
// returns nil for statements to leave alone.
func scan(engine Engine, query string) *scanner {
	if len(query) > longestLifted {
		return nil
	}
	s, _ := scanners.Get().(*scanner)
	s.sqlMasker = sqlMasker{engine: engine, query: query}
	s.literals, s.key, s.copied = s.literals[:0], s.key[:0], 0
	s.levels = append(s.levels[:0], level{})
	s.prev, s.last, s.first, s.insert, s.rows, s.ok = somethingElse, "", "", false, false, true
	for s.ok && s.pos < len(query) {
		s.token()
	}
	if !s.ok || s.first == "" || len(s.levels) != 1 || len(s.literals) > mostLifted {
		s.put()
		return nil
	}
	s.key = append(s.key, query[s.copied:]...)
	return s
}

func (s *scanner) put() {
	s.query = ""
	scanners.Put(s)
}

func (s *scanner) top() *level { return &s.levels[len(s.levels)-1] }

func (s *scanner) token() {
	c := s.at(0)
	switch {
	case c <= ' ':
		s.pos++
		return
	case c == '\'':
		s.quoted(textLiteral, s.pos, s.pos, s.engine == MySQL)
		return
	case c == '"' || c == '`' && s.engine != PostgreSQL:
		s.skip(s.stringEnd(s.pos, c == '"' && s.engine == MySQL), operand)
	case c == '[' && s.engine == SQLite:
		s.skip(s.after("]", s.pos), operand)
	case c == '-' && s.at(1) == '-', c == '#' && s.engine == MySQL:
		s.ok = s.engine != MySQL || c == '#' || s.at(2) <= ' ' // else two signs
		s.pos = s.after("\n", s.pos)                           // as white space
		return
	case c == '/' && s.at(1) == '*':
		s.ok = !(s.engine == MySQL && (s.at(2) == '!' || s.at(2) == 'M')) // MySQL runs what is in it
		s.pos = s.commentEnd()
		return
	case digitByte(c), c == '.' && digitByte(s.at(1)):
		s.digits(s.pos)
		return
	case c == '-' && s.prev != operand && digitByte(s.at(1)):
		s.pos++
		s.digits(s.pos - 1)
		return
	case c == '(':
		s.open()
	case c == '[' && s.engine == PostgreSQL:
		s.levels = append(s.levels, level{clause: s.top().clause, dead: true})
		s.skip(s.pos+1, opening)
	case c == ')', c == ']' && s.engine == PostgreSQL:
		s.close()
	case c == ',':
		s.skip(s.pos+1, comma)
	case c == ';':
		s.ok = strings.TrimRight(s.query[s.pos:], "; \r\n\t") == ""
		s.pos = len(s.query)
	case wordByte(c) && c != '$':
		s.keyword()
		return
	case c == ':' && s.at(1) != ':' || c == '@' && s.engine != PostgreSQL:
		s.ok = false // variables
	case c == ':':
		s.skip(s.pos+2, somethingElse)
	case c == '.':
		s.skip(s.pos+1, somethingElse)
	default:
		s.operator()
	}
	s.last = ""
}

func (s *scanner) skip(end int, prev before) { s.pos, s.prev = end, prev }

func (s *scanner) open() {
	top := s.top()
	inner := level{clause: top.clause, dead: top.dead || top.clause == selectList || top.clause == conflictTarget}
	switch {
	case s.prev == inWord, s.prev == valuesWord && top.clause == valuesClause:
		inner.list = true
	case s.prev == comma && top.clause == valuesClause:
		inner.list = true
	case (s.prev == opening || s.prev == comma) && top.list:
		inner.list = true // a row of several columns in an IN list
	}
	// SELECT EXISTS (…) is how Bun asks whether there is a row.
	if s.last == "EXISTS" && strings.EqualFold(strings.TrimSpace(s.query[:s.pos]), "SELECT EXISTS") {
		inner.dead = false
	}
	s.levels = append(s.levels, inner)
	s.skip(s.pos+1, opening)
}

func (s *scanner) close() {
	if len(s.levels) == 1 {
		s.ok = false
		return
	}
	s.levels = s.levels[:len(s.levels)-1]
	s.skip(s.pos+1, operand)
}

// comparisons lists the operators whose right side can be bound. PostgreSQL
// gives an untyped one the same type as a literal without one.
var comparisons = map[string]bool{
	"=": true, "==": true, "<>": true, "!=": true, "<": true, ">": true, "<=": true, ">=": true, "<=>": true,
	"~": true, "~*": true, "!~": true, "!~*": true, "@>": true, "<@": true, "&&": true, "@@": true,
}

func (s *scanner) operator() {
	end := s.pos
	for end < len(s.query) && strings.IndexByte("=<>!~+-*/%|&^@#", s.query[end]) >= 0 {
		rest := s.query[end:]
		if strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*") {
			break
		}
		if end > s.pos && rest[0] == '-' && len(rest) > 1 && digitByte(rest[1]) {
			break // a sign
		}
		end++
	}
	if end == s.pos {
		s.ok = false // no operator: a placeholder, what Bun could not render
		return
	}
	switch op := s.query[s.pos:end]; {
	case comparisons[op]:
		s.skip(end, comparison)
	case op == "+" || op == "-":
		s.skip(end, arithmetic)
	default:
		s.skip(end, somethingElse)
	}
}

// quoted reads a string that starts at quote; from is where its prefix does.
func (s *scanner) quoted(kind literalKind, from, quote int, backslashes bool) {
	end := s.stringEnd(quote, backslashes)
	if end-quote < 2 || s.query[end-1] != '\'' {
		s.ok = false // not closed
		return
	}
	s.consider(literal{start: from, end: end, kind: kind})
}

// digits reads a number; from is where its sign is.
func (s *scanner) digits(from int) {
	end, points, letter := s.pos, 0, -1 // where the first letter is
	for ; end < len(s.query); end++ {
		c := s.query[end]
		switch {
		case digitByte(c):
		case c == '.':
			points++
		case wordByte(c):
			if letter < 0 {
				letter = end
			}
		case (c == '+' || c == '-') && letter == end-1 && s.query[letter]|0x20 == 'e': // 1e+5
		default:
			s.number(from, end, points, letter < 0)
			return
		}
	}
	s.number(from, end, points, letter < 0)
}

func (s *scanner) number(from, end, points int, plain bool) {
	l := literal{start: from, end: end}
	switch {
	case !plain || points > 1:
	case points == 1:
		l.kind = decimalLiteral
	default:
		l.kind = intKind(s.query[from:end])
	}
	s.consider(l)
}

// intKind is the smallest of PostgreSQL's types that holds a whole number, which
// is the one that a literal has.
func intKind(text string) literalKind {
	digits := strings.TrimLeft(strings.TrimPrefix(text, "-"), "0")
	limit := func(positive, negative string) bool {
		most := positive
		if text[0] == '-' {
			most = negative
		}
		return len(digits) < len(most) || len(digits) == len(most) && digits <= most
	}
	switch {
	case limit("2147483647", "2147483648"):
		return int32Literal
	case limit("9223372036854775807", "9223372036854775808"):
		return int64Literal
	default:
		return decimalLiteral
	}
}

// consider lifts a literal if its place and its type allow that, and goes on
// behind it.
func (s *scanner) consider(l literal) {
	if l.kind = s.bindable(l); l.kind != 0 && s.placed(l) && s.endsThere(l) {
		top := s.top()
		l.data = s.insert && top.list && top.clause == valuesClause || top.clause == setClause
		s.key = append(append(s.key, s.query[s.copied:l.start]...), 0, byte(l.kind))
		s.copied = l.end
		s.literals = append(s.literals, l)
	}
	s.skip(l.end, operand)
	s.last = ""
}

// bindable returns the kind as the engine takes it, 0 when a bound value would
// not be what the literal is.
func (s *scanner) bindable(l literal) literalKind {
	switch kind := l.kind; {
	case kind == int64Literal && s.engine != PostgreSQL:
		return int32Literal // one type of whole numbers
	case kind == decimalLiteral && s.engine == MySQL:
		return 0 // an exact one, which has no type to bind
	case kind == decimalLiteral && s.engine == SQLite && !floats(s.query[l.start:l.end]):
		return 0
	}
	return l.kind
}

// floats reports whether a decimal has no more digits than a float that was
// written out: SQLite and Go read those alike.
func floats(text string) bool {
	digits := strings.Trim(strings.Replace(strings.TrimPrefix(text, "-"), ".", "", 1), "0")
	return len(digits) <= 17
}

func (s *scanner) placed(l literal) bool {
	top := s.top()
	if top.dead {
		return false
	}
	switch top.clause {
	case fromClause, whereClause, valuesClause, setClause:
	default:
		return false
	}
	whole := l.kind == int32Literal || l.kind == int64Literal
	switch s.prev {
	case comparison, rangeWord:
		return true
	case opening, comma:
		return top.list
	case arithmetic:
		return whole && s.query[l.start] != '-'
	case limitWord:
		return whole && s.query[l.start] != '-'
	}
	return false
}

// ends are the words that can follow a literal which is a value by itself.
var ends = map[string]bool{
	"AND": true, "OR": true, "ORDER": true, "LIMIT": true, "OFFSET": true, "GROUP": true, "HAVING": true,
	"RETURNING": true, "WHERE": true, "UNION": true, "INTERSECT": true, "EXCEPT": true, "FOR": true, "FROM": true,
	"LEFT": true, "RIGHT": true, "INNER": true, "FULL": true, "JOIN": true, "CROSS": true, "ON": true, "THEN": true,
}

func (s *scanner) endsThere(l literal) bool {
	rest := strings.TrimLeft(s.query[l.end:], " \n\t\r")
	if rest == "" {
		return true
	}
	switch c := rest[0]; {
	case c == ')' || c == ',' || c == ';':
		return true
	case strings.HasPrefix(rest, "::"):
		return s.query[l.start] != '-' // the cast would come before the sign
	case wordByte(c):
		end := 0
		for end < len(rest) && wordByte(rest[end]) {
			end++
		}
		return ends[upper(rest[:end])]
	}
	return false
}

// longestWord is the longest keyword that matters here.
const longestWord = 9

// upper returns a word in upper case, without an allocation if it is already.
func upper(word string) string {
	for i := range len(word) {
		if c := word[i]; 'a' <= c && c <= 'z' {
			return strings.ToUpper(word)
		}
	}
	return word
}

func (s *scanner) keyword() {
	end := s.pos
	for end < len(s.query) && wordByte(s.query[end]) {
		end++
	}
	word := s.query[s.pos:end]
	if end < len(s.query) && s.query[end] == '\'' { // X'00', E'\n', _utf8mb4'a'
		if len(word) == 1 && word[0]|0x20 == 'x' && s.engine != PostgreSQL { // for which it is a string of bits
			s.quoted(blobLiteral, s.pos, end, false)
			return
		}
		s.skip(s.stringEnd(end, s.engine == MySQL || strings.EqualFold(word, "e")), operand)
		s.last = ""
		return
	}
	if s.pos > 0 && s.query[s.pos-1] == '.' || len(word) > longestWord {
		s.skip(end, operand) // part of a name
		s.last = ""
		return
	}
	word = upper(word)
	if s.first == "" && !s.begin(word) {
		s.ok = false
		return
	}
	if word == "TRUE" || word == "FALSE" {
		s.consider(literal{start: s.pos, end: end, kind: boolLiteral})
		return
	}
	s.pos = end
	s.prev = s.word(word)
	s.last = word
}

// begin admits the statements that have values to bind.
func (s *scanner) begin(word string) bool {
	switch word {
	case "INSERT", "REPLACE":
		s.insert = true
	case "SELECT", "WITH", "VALUES":
		s.rows = true
	case "UPDATE", "DELETE":
	default:
		return false
	}
	s.first = word
	return true
}

// word follows the structure of the statement and says what the word means
// for what comes next.
func (s *scanner) word(word string) before {
	top := s.top()
	switch word {
	case "SELECT":
		top.clause, top.own, top.list = selectList, true, false
	case "INSERT", "REPLACE":
		s.insert, top.own = true, true
	case "UPDATE", "DELETE":
		top.own = true
		if s.last == "KEY" { // ON DUPLICATE KEY UPDATE
			top.clause = setClause
		}
	case "FROM":
		if s.last != "DISTINCT" {
			top.clause = fromClause
		}
	case "USING":
		top.clause = fromClause
	case "WHERE":
		if top.clause != conflictTarget {
			top.clause = whereClause
		}
	case "VALUES":
		if s.prev == comparison {
			return operand // MySQL's function
		}
		top.clause = valuesClause
		return valuesWord
	case "ROW":
		return valuesWord
	case "SET":
		if top.clause != selectList {
			top.clause = setClause
		}
	case "CONFLICT":
		if s.last == "ON" {
			top.clause = conflictTarget
		}
	case "GROUP", "ORDER", "HAVING", "WINDOW", "RETURNING", "FETCH":
		top.clause = selectList
		s.rows = s.rows || word == "RETURNING"
	case "UNION", "INTERSECT", "EXCEPT":
		top.clause = noClause
	case "LIMIT", "OFFSET":
		if top.own {
			top.clause = fromClause
		}
		return limitWord
	case "BETWEEN":
		top.ranges++
		return rangeWord
	case "AND":
		if top.ranges > 0 {
			top.ranges--
			return rangeWord
		}
	case "LIKE", "ILIKE", "GLOB", "MATCH", "REGEXP", "RLIKE":
		return comparison
	case "IN", "ANY", "SOME":
		return inWord
	case "OR", "NOT", "AS", "ON", "BY", "IS", "CASE", "WHEN", "THEN", "ELSE", "EXISTS", "ALL", "DISTINCT", "INTO", "FOR",
		"WITH", "NOTHING", "JOIN", "LEFT", "INNER", "INTERVAL", "ESCAPE", "DIV", "MOD", "COLLATE", "RECURSIVE":
	default:
		return operand // a name
	}
	return somethingElse
}
