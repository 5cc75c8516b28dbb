package sqltext

import (
	"slices"
	"strings"
)

// Effects is what a text changes for later statements, besides rows.
type Effects uint8

const (
	// Schema is set for DDL.
	Schema Effects = 1 << iota
	// Settings is set for what lasts as long as the connection and concerns its next user: SET,
	// USE, PRAGMA, DISCARD, temporary tables, locks and cursors that no transaction ends.
	Settings
	// LocalSettings is set for changes that last until the transaction ends, such as SET
	// LOCAL.
	LocalSettings
	// Unknown is set for statements that may do any of that without showing it: CALL, DO,
	// and functions that are not built in.
	Unknown
)

// Has reports whether some of these are set.
func (e Effects) Has(some Effects) bool { return e&some != 0 }

// EffectsOf reads all statements of a text. It does not know what triggers do.
func EffectsOf(d Dialect, text string) (all Effects) {
	for s := range segments(d, text) {
		effects, last := s.effects(d)
		if all |= effects; last {
			break
		}
	}
	return all
}

// effects returns what one statement changes. last is set if the rest of the text belongs to
// the statement, as the body of a trigger does.
func (s *segment) effects(d Dialect) (all Effects, last bool) {
	switch {
	case s.is(0, "CREATE"):
		return s.creates(d), s.hasBody()
	case s.isAny(0, schemaWords[:]...):
		return Schema, false
	case d == MySQL && s.is(0, "SET") && s.is(1, "STATEMENT"):
		return s.setsFor(d), true
	case s.is(0, "SET"):
		return s.sets(d), false
	case s.is(0, "PRAGMA"):
		return s.pragma(), false
	case s.isAny(0, "RESET", "DISCARD", "DEALLOCATE", "PREPARE", "USE", "LISTEN", "UNLISTEN", "ATTACH", "DETACH"),
		s.is(0, "LOAD") && !s.isAny(1, "DATA", "XML"):
		return Settings, false
	case d == MySQL && (s.is(0, "BEGIN") && s.is(1, "NOT") || s.isAny(0, "IF", "CASE", "FOR", "LOOP", "REPEAT", "WHILE")):
		return Unknown | Settings | s.alters(), false // MariaDB runs what else stands in a procedure
	case d == MySQL && s.isAny(0, "CALL", "EXECUTE", "HANDLER", "LOCK", "FLUSH", "XA"):
		return Unknown | Settings, false // variables, cursors, locks and branches outlive it, and nothing resets them
	case s.is(0, "DECLARE") && s.holds():
		return Settings, false
	case s.isAny(0, "CALL", "DO", "EXECUTE"):
		return Unknown | s.calls(d), false
	}
	return s.calls(d), false
}

// schemaWords are the words, besides CREATE, that begin a change of the schema.
var schemaWords = [...]string{"ALTER", "DROP", "TRUNCATE", "RENAME", "COMMENT", "GRANT", "REVOKE", "REINDEX", "IMPORT", "SECURITY", "REASSIGN"}

// alters looks for a change of the schema inside a compound statement.
func (s *segment) alters() Effects {
	for t := range s.tokens() {
		if word := s.Text(t); t.Kind == Word && (strings.EqualFold(word, "CREATE") || slices.ContainsFunc(schemaWords[:], func(other string) bool { return strings.EqualFold(word, other) })) {
			return Schema
		}
	}
	return 0
}

// CommitsFirst reports whether MySQL commits the open transaction before it runs the text.
func CommitsFirst(text string) bool {
	if changesRowsOnly(text) {
		return false
	}
	for s := range segments(MySQL, text) {
		effects, last := s.effects(MySQL)
		switch {
		case effects.Has(Schema), s.isAny(0, "LOCK", "UNLOCK", "FLUSH", "START", "CACHE", "RESET", "INSTALL", "UNINSTALL"), s.is(0, "BEGIN") && !s.is(1, "NOT"),
			s.isAny(0, "ANALYZE", "CHECK", "OPTIMIZE", "REPAIR") && (s.isAny(1, "TABLE", "TABLES") || s.isAny(2, "TABLE", "TABLES")):
			return true
		case last:
			return false
		}
	}
	return false
}

// changesRowsOnly reports whether a text of MySQL is one SELECT, INSERT, UPDATE, DELETE or REPLACE.
// It is quick, and false for some texts that are: those with a semicolon in a value.
func changesRowsOnly(text string) bool {
	switch first := FirstWord(MySQL, text); {
	case strings.IndexByte(text, ';') >= 0:
		return false
	case strings.EqualFold(first, "SELECT"), strings.EqualFold(first, "INSERT"), strings.EqualFold(first, "UPDATE"),
		strings.EqualFold(first, "DELETE"), strings.EqualFold(first, "REPLACE"):
		return true
	}
	return false
}

// setsFor reads MariaDB's SET STATEMENT name = value FOR statement. The settings end with the
// statement.
func (s *segment) setsFor(d Dialect) Effects {
	depth := 0
	for t := range s.tokens() {
		switch text := s.Text(t); {
		case text == "(":
			depth++
		case text == ")":
			depth--
		case depth == 0 && t.Kind == Word && strings.EqualFold(text, "FOR"):
			return EffectsOf(d, s.text[t.To:])
		}
	}
	return 0
}

// holds reports whether DECLARE makes a cursor WITH HOLD, which outlives its transaction.
func (s *segment) holds() bool {
	with := false
	for t := range s.tokens() {
		word := s.Text(t)
		switch {
		case strings.EqualFold(word, "FOR"):
			return false
		case with && strings.EqualFold(word, "HOLD"):
			return true
		}
		with = strings.EqualFold(word, "WITH")
	}
	return false
}

// hasBody reports whether the statement is CREATE TRIGGER or the like, whose body contains
// semicolons.
func (s *segment) hasBody() bool {
	for i := range s.n {
		if s.isAny(i, "TRIGGER", "FUNCTION", "PROCEDURE", "EVENT", "PACKAGE") {
			return true
		}
	}
	return false
}

// creates reads CREATE: what is temporary is a setting of the connection, all else schema.
func (s *segment) creates(d Dialect) Effects {
	temporary := false
	for i := 1; i < s.n; i++ {
		temporary = temporary || s.isAny(i, "TEMP", "TEMPORARY", "pg_temp")
	}
	if !temporary {
		return Schema
	}
	var before, last string
	for t := range s.tokens() {
		before, last = last, s.Text(t)
	}
	if d == PostgreSQL && strings.EqualFold(before, "COMMIT") && strings.EqualFold(last, "DROP") {
		return LocalSettings // ON COMMIT DROP
	}
	return Settings
}

// sets reads SET.
func (s *segment) sets(d Dialect) Effects {
	switch {
	case d != PostgreSQL:
		return Settings
	case s.is(1, "LOCAL") && s.is(2, planCacheMode):
		return 0
	case s.isAny(1, "LOCAL", "TRANSACTION", "CONSTRAINTS"):
		return LocalSettings
	}
	return Settings
}

// planCacheMode is PostgreSQL's setting for the plans of prepared statements. It changes the
// meaning of no statement.
const planCacheMode = "plan_cache_mode"

// readPragmas are SQLite's pragmas whose argument changes nothing.
var readPragmas = [...]string{
	"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list", "foreign_key_check",
	"integrity_check", "quick_check", "wal_checkpoint", "optimize", "incremental_vacuum", "user_version", "application_id",
}

// pragma reads PRAGMA [schema.]name, with or without a value.
func (s *segment) pragma() Effects {
	name := 1
	if s.isSymbol(2, ".") {
		name = 3
	}
	if s.n <= name+1 || s.isAny(name, readPragmas[:]...) {
		return 0
	}
	return Settings
}

// calls looks for functions that may change settings, and for INTO.
func (s *segment) calls(d Dialect) (all Effects) {
	if d == SQLite {
		return 0 // its functions change none
	}
	var before, last Token // a name with its schema, and the token before it
	qualified := false
	for t := range s.tokens() {
		switch {
		case t.Kind == Symbol && s.text[t.From] == '.':
			qualified = true
			continue
		case qualified && (t.Kind == Word || t.Kind == Quoted):
			last, qualified = t, false
			continue
		case t.Kind == Symbol && s.text[t.From] == '(':
			all |= s.call(before, last)
		case t.Kind == Symbol && s.Text(t) == ":=":
			all |= Settings // a variable
		case t.Kind == Word && (s.is(0, "SELECT") || s.is(0, "WITH")) && strings.EqualFold(s.Text(t), "INTO") && !s.writes(last):
			all |= s.into(d)
		}
		before, last, qualified = last, t, false
	}
	return all
}

// writes reports whether the word before INTO is INSERT or MERGE, as it can be after WITH.
func (s *segment) writes(verb Token) bool {
	return verb.Kind == Word && (strings.EqualFold(s.Text(verb), "INSERT") || strings.EqualFold(s.Text(verb), "MERGE"))
}

// into is SELECT INTO, which makes a table on PostgreSQL.
func (s *segment) into(d Dialect) Effects {
	switch {
	case d == MySQL:
		return Unknown | Settings // a variable
	case s.is(0, "WITH"):
		return Unknown
	}
	return Schema | Settings // it may be a temporary one
}

// call reads the name before an opening bracket, and the token before that.
func (s *segment) call(before, name Token) Effects {
	text := s.Text(name)
	switch name.Kind {
	case Word:
	case Quoted:
		text = strings.Trim(text, "\"`")
	default:
		return 0
	}
	if before.Kind == Symbol && s.Text(before) == ")" {
		return 0 // the columns of a subquery
	}
	if before.Kind == Word {
		switch word := strings.ToUpper(s.Text(before)); word {
		case "INTO", "TABLE", "AS", "WITH", "RECURSIVE", "JOIN", "UPDATE", "CONSTRAINT":
			return 0 // a list of columns
		}
	}
	switch text = strings.ToLower(text); {
	case text == "set_config":
		return s.setConfig()
	case slices.Contains(sessionLocks[:], text):
		return Settings
	case harmless[text]:
		return 0
	}
	return Unknown
}

// sessionLocks are the functions of PostgreSQL and MySQL that take a lock which no end of a
// transaction releases. A unit of work that failed can't release it either: PostgreSQL runs no
// statement then.
var sessionLocks = [...]string{"pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "get_lock"}

// setConfig reads the arguments of set_config(name, value, is_local).
func (s *segment) setConfig() Effects {
	// The segment's reader may be behind them already, so a new one reads from its beginning.
	r := NewReader(PostgreSQL, s.text[s.head[0].From:])
	depth, local, inside := 0, "", false
	effects := LocalSettings
	for t := r.Significant(); t.Kind != End; t = r.Significant() {
		text := r.Text(t)
		switch {
		case t.Kind == Word && strings.EqualFold(text, "set_config"), t.Kind == Quoted && text == `"set_config"`:
			inside, depth = true, 0
		case !inside:
		case text == "(":
			depth++
		case text == ")":
			if depth--; depth == 0 {
				if inside = false; !strings.EqualFold(local, "true") {
					effects = Settings
				}
			}
		}
		local = text
	}
	return effects
}
