package dbmodule

import (
	"database/sql/driver"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// binder knows the statements of one database: which of their literals differ
// from call to call, and whether the engine takes those as parameters. It is
// shared by the connections, of which each has its prepared statements.
//
// A statement runs as Bun rendered it when it is seen first. From the second
// time on it is prepared, with what was different bound: a literal that never
// changes stays in the text, where the planner can match it with a partial
// index.
type binder struct {
	engine Engine

	mu sync.RWMutex
	// young and old hold the shapes; a full young generation becomes the old
	// one, and what is used moves back.
	young, old map[string]*shape
	size       int // of young, in bytes
}

// generationSize bounds what a generation of shapes holds, in bytes of text.
const generationSize = 512 << 10

func newBinder(engine Engine) *binder { return &binder{engine: engine, young: make(map[string]*shape)} }

// shape is a statement without its literals.
type shape struct {
	// plan changes when a literal turns out to vary.
	plan atomic.Pointer[plan]
	// refused is set when the engine did not take it with parameters.
	refused atomic.Bool
}

// plan is a shape with the literals that did not vary so far.
type plan struct {
	text string
	// fixed holds the literals that stay in the text, "" for those bound.
	fixed []string
	args  int
	// proven is set once an engine prepared it.
	proven atomic.Bool
}

// bound is a statement with its arguments.
type bound struct {
	shape *shape
	plan  *plan
	args  []driver.NamedValue
}

// find returns how to run a scanned statement; ok is false when it should run
// as it is. known is false the first time, when add should follow a success.
func (b *binder) find(s *scanner) (found bound, ok, known bool) {
	sh := b.lookup(s.key)
	if sh == nil {
		return bound{}, false, false
	}
	if sh.refused.Load() {
		return bound{}, false, true
	}
	p := sh.plan.Load()
	if !p.covers(s) {
		p = b.widen(sh, s)
	}
	args, ok := p.arguments(b.engine, s)
	return bound{shape: sh, plan: p, args: args}, ok, true
}

func (b *binder) lookup(key []byte) *shape {
	b.mu.RLock()
	sh, ok := b.young[string(key)]
	old := b.old[string(key)]
	b.mu.RUnlock()
	if ok || old == nil {
		return sh
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.insert(string(key), old)
	return old
}

// add remembers a statement that ran as it was.
func (b *binder) add(s *scanner) {
	sh := new(shape)
	p := &plan{fixed: make([]string, len(s.literals))}
	for i, l := range s.literals {
		if !l.data && l.end-l.start <= longestFixed {
			p.fixed[i] = strings.Clone(s.query[l.start:l.end])
		}
	}
	p.write(b.engine, s)
	sh.plan.Store(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.young[string(s.key)] == nil && b.old[string(s.key)] == nil {
		b.insert(string(s.key), sh)
	}
}

// longestFixed bounds the literals that are compared to tell whether they vary.
const longestFixed = 128

func (b *binder) insert(key string, sh *shape) {
	if b.size += 2*len(key) + 256; b.size > generationSize {
		b.old, b.young, b.size = b.young, make(map[string]*shape), 0
	}
	b.young[key] = sh
}

// widen also binds what differs in s from the plan.
func (b *binder) widen(sh *shape, s *scanner) *plan {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := sh.plan.Load()
	if before.covers(s) {
		return before // another was faster
	}
	p := &plan{fixed: make([]string, len(s.literals))}
	for i, l := range s.literals {
		if before.fixed[i] == s.query[l.start:l.end] {
			p.fixed[i] = before.fixed[i]
		}
	}
	p.write(b.engine, s)
	sh.plan.Store(p)
	return p
}

// covers reports whether the plan's own literals are those of s.
func (p *plan) covers(s *scanner) bool {
	for i, l := range s.literals {
		if fixed := p.fixed[i]; fixed != "" && fixed != s.query[l.start:l.end] {
			return false
		}
	}
	return true
}

// write makes the text, with placeholders for what is bound.
func (p *plan) write(engine Engine, s *scanner) {
	var text strings.Builder
	text.Grow(len(s.query))
	from := 0
	for i, l := range s.literals {
		if p.fixed[i] != "" {
			continue
		}
		p.args++
		text.WriteString(s.query[from:l.start])
		from = l.end
		if engine != PostgreSQL {
			text.WriteByte('?')
			continue
		}
		text.WriteByte('$')
		text.WriteString(strconv.Itoa(p.args))
		text.WriteString(postgreSQLCasts[l.kind])
	}
	text.WriteString(s.query[from:])
	p.text = text.String()
}

// postgreSQLCasts give a parameter the type that the literal has. Strings have
// none, as parameters have none by themselves.
var postgreSQLCasts = map[literalKind]string{
	boolLiteral: "::bool", int32Literal: "::int4", int64Literal: "::int8", decimalLiteral: "::numeric",
}

// arguments reads the values that the plan binds. It is not ok when one can't
// be read.
func (p *plan) arguments(engine Engine, s *scanner) ([]driver.NamedValue, bool) {
	if p.args == 0 {
		return nil, true
	}
	args := make([]driver.NamedValue, 0, p.args)
	for i, l := range s.literals {
		if p.fixed[i] != "" {
			continue
		}
		value, ok := l.value(engine, s.query)
		if !ok {
			return nil, false
		}
		args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: value})
	}
	return args, true
}

// value is what the engine would read.
func (l literal) value(engine Engine, query string) (driver.Value, bool) {
	text := query[l.start:l.end]
	switch l.kind {
	case textLiteral:
		return unquoted(engine, text), true
	case blobLiteral: // X'00'
		value, err := hex.DecodeString(text[2 : len(text)-1])
		return value, err == nil
	case boolLiteral:
		yes := text[0]|0x20 == 't'
		if engine == PostgreSQL {
			return yes, true
		}
		if yes {
			return int64(1), true
		}
		return int64(0), true
	case int32Literal, int64Literal:
		value, err := strconv.ParseInt(text, 10, 64)
		return value, err == nil
	default:
		if engine == PostgreSQL {
			return text, true // it reads a decimal's text
		}
		value, err := strconv.ParseFloat(text, 64)
		return value, err == nil
	}
}

// unquoted reads a string in quotes.
func unquoted(engine Engine, text string) string {
	text = text[1 : len(text)-1]
	if engine == MySQL && strings.IndexByte(text, '\\') >= 0 {
		return unescaped(text)
	}
	if strings.IndexByte(text, '\'') < 0 {
		return text
	}
	return strings.ReplaceAll(text, "''", "'")
}

// unescaped reads MySQL's backslashes.
func unescaped(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if i+1 < len(text) && (c == '\'' || c == '\\') {
			i++ // the second of two quotes, or what is escaped
			if c == '\\' {
				c = text[i]
				switch c {
				case '0':
					c = 0
				case 'b':
					c = '\b'
				case 'n':
					c = '\n'
				case 'r':
					c = '\r'
				case 't':
					c = '\t'
				case 'Z':
					c = 0x1a
				case '%', '_':
					b.WriteByte('\\') // for LIKE
				}
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}
