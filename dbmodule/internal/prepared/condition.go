package prepared

import "github.com/openhands-go/server/dbmodule/internal/sqltext"

// deepest limits how deep brackets are nested in a condition.
const deepest = 32

// condition is predicates with AND, OR and NOT.
func (p *parser) condition() bool {
	for {
		if !p.negated() {
			return false
		}
		if !p.take("AND") && !p.take("OR") {
			return true
		}
	}
}

func (p *parser) negated() bool {
	for p.take("NOT") {
	}
	exists := p.take("EXISTS")
	if !p.symbol("(") {
		return !exists && p.predicate()
	}
	if p.depth++; p.depth > deepest {
		return false
	}
	if exists {
		ok := p.subquery()
		p.depth--
		return ok && p.symbol(")")
	}
	// The brackets may hold the left side of a comparison: a column, or several.
	columns, ok := p.inBrackets()
	p.depth--
	if !ok || !p.symbol(")") {
		return false
	}
	if columns > 0 {
		return p.comparison(columns)
	}
	if p.take("IS") {
		p.take("NOT")
		return p.truth()
	}
	return true
}

// subquery is the subquery of EXISTS.
func (p *parser) subquery() bool {
	return p.take("SELECT") && p.columns() && p.take("FROM") && p.tables() && p.where()
}

// truth is TRUE or FALSE after IS. It stays in the text.
func (p *parser) truth() bool { return p.take("TRUE") || p.take("FALSE") }

// inBrackets reads a condition or a list of columns. columns is the number of columns, 0 for
// a condition.
func (p *parser) inBrackets() (columns int, ok bool) {
	if p.sees("NOT") || p.sees("EXISTS") || p.seesSymbol("(") {
		return 0, p.condition()
	}
	if _, ok := p.operand(false); !ok {
		return 0, false
	}
	for columns = 1; p.symbol(","); columns++ {
		if !p.name() {
			return 0, false
		}
	}
	if p.seesSymbol(")") {
		return columns, true
	}
	if columns > 1 || !p.comparison(1) {
		return 0, false
	}
	if p.take("AND") || p.take("OR") {
		return 0, p.condition()
	}
	return 0, true
}

func (p *parser) seesSymbol(symbol string) bool {
	return p.token.Kind == sqltext.Symbol && p.reader.Text(p.token) == symbol
}

func (p *parser) predicate() bool {
	_, ok := p.operand(false)
	return ok && p.comparison(1)
}

// comparison is what follows the left side, of so many columns. One column alone can be a
// condition.
func (p *parser) comparison(columns int) bool {
	if columns == 1 && p.operator() {
		return p.side()
	}
	if p.take("IS") {
		p.take("NOT")
		return columns == 1 && (p.take("NULL") || p.truth())
	}
	not := p.take("NOT")
	switch {
	case p.take("IN"):
		return p.list(columns)
	case columns > 1:
		return false
	case p.take("LIKE"), p.dialect == sqltext.PostgreSQL && p.take("ILIKE"):
		return p.token.Kind == sqltext.String && p.constant()
	case p.take("BETWEEN"):
		return p.value() && p.take("AND") && p.value()
	}
	return !not
}

// operator is an operator with the same result for a literal and for a parameter.
func (p *parser) operator() bool {
	if p.token.Kind != sqltext.Symbol {
		return false
	}
	switch p.reader.Text(p.token) {
	case "=", "<>", "!=", "<", ">", "<=", ">=":
		p.next()
		return true
	}
	return false
}

// side is the right side of a comparison.
func (p *parser) side() bool {
	if p.seesConstant() {
		return p.constant()
	}
	_, ok := p.operand(false)
	return ok
}

// list is what follows IN: values, or rows of as many values as there are columns.
func (p *parser) list(columns int) bool {
	if !p.symbol("(") {
		return false
	}
	for {
		if columns > 1 && !p.tuple(columns) || columns == 1 && !p.value() {
			return false
		}
		if !p.symbol(",") {
			return p.symbol(")")
		}
	}
}

func (p *parser) tuple(columns int) bool {
	if !p.symbol("(") {
		return false
	}
	for i := range columns {
		if i > 0 && !p.symbol(",") || !p.value() {
			return false
		}
	}
	return p.symbol(")")
}

// operand is a column, or a function of columns whose result depends on nothing else. With
// allowStar it can also be name.*; star is set then.
func (p *parser) operand(allowStar bool) (star, ok bool) {
	switch {
	case p.seesCall():
		return false, p.call()
	case p.take("CURRENT_TIMESTAMP"):
		return false, true
	}
	return p.path(allowStar)
}

// seesCall reports whether the current token is an unquoted word with a bracket after it.
func (p *parser) seesCall() bool {
	if p.token.Kind != sqltext.Word {
		return false
	}
	ahead := p.reader
	t := ahead.Next()
	return t.Kind == sqltext.Symbol && ahead.Text(t) == "("
}

// call is a call of a function without values.
func (p *parser) call() bool {
	switch {
	case p.take("COUNT"):
		p.next()
		if !p.symbol("*") {
			p.take("DISTINCT")
			if !p.name() {
				return false
			}
		}
	case p.take("MIN"), p.take("MAX"), p.take("LOWER"), p.take("UPPER"):
		p.next()
		if !p.name() {
			return false
		}
	case p.take("NOW"):
		p.next()
	default:
		return false
	}
	return p.symbol(")")
}

// name is an identifier, perhaps with the identifiers of its table and schema.
func (p *parser) name() bool {
	_, ok := p.path(false)
	return ok
}

func (p *parser) path(allowStar bool) (star, ok bool) {
	for {
		last := p.token
		if !p.identifier() {
			return false, false
		}
		if !p.symbol(".") {
			p.noteColumn(last)
			return false, true
		}
		if allowStar && p.symbol("*") {
			return true, true
		}
	}
}

func (p *parser) names() bool {
	for {
		if !p.name() {
			return false
		}
		if !p.symbol(",") {
			return true
		}
	}
}

func (p *parser) identifier() bool {
	if p.token.Open || p.token.Kind != sqltext.Quoted && (p.token.Kind != sqltext.Word || p.reserved()) {
		return false
	}
	p.next()
	return true
}

// longestReserved is the longest of the reserved words.
const longestReserved = 17

// reserved reports whether the token is a word that can't be a name without quotes.
func (p *parser) reserved() bool {
	length := p.token.To - p.token.From
	if length > longestReserved {
		return false
	}
	var upper [longestReserved]byte
	for i := range length {
		c := p.text[p.token.From+i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	return reservedWords[string(upper[:length])]
}

var reservedWords = func() map[string]bool {
	words := make(map[string]bool)
	for _, word := range [...]string{
		"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "FROM", "WHERE", "SET", "VALUES", "INTO", "RETURNING", "WITH", "RECURSIVE",
		"ORDER", "GROUP", "BY", "HAVING", "LIMIT", "OFFSET", "FETCH", "FOR", "LOCK", "WINDOW", "UNION", "INTERSECT", "EXCEPT", "MINUS",
		"JOIN", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "NATURAL", "STRAIGHT_JOIN", "ON", "USING", "LATERAL", "TABLESAMPLE", "PARTITION",
		"AS", "DISTINCT", "ALL", "ANY", "SOME", "EXISTS", "IN", "IS", "NOT", "NULL", "AND", "OR", "XOR", "LIKE", "ILIKE", "SIMILAR", "BETWEEN",
		"REGEXP", "RLIKE", "GLOB", "MATCH", "ESCAPE", "COLLATE", "ISNULL", "NOTNULL", "SOUNDS", "MEMBER", "DIV", "MOD",
		"CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "CONVERT", "INTERVAL", "ARRAY", "ROW", "BINARY", "TRUE", "FALSE", "UNKNOWN", "DEFAULT",
		"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP",
		"CURRENT_USER", "SESSION_USER", "CURRENT_ROLE", "CONFLICT", "DUPLICATE", "DO", "NOTHING", "INDEXED", "FORCE", "IGNORE", "USE", "ONLY", "PROCEDURE",
	} {
		words[word] = true
	}
	return words
}()
