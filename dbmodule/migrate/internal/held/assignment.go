package held

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// assignment is one assignment of a SET.
type assignment struct {
	// name is the name of the setting, or "@name" for a user variable.
	name   string
	value  []sqlscan.Token
	global bool // it does not change the session
	once   bool // it lasts for the next transaction or statement only
}

// assignments returns the assignments of a SET, and false for other statements.
func (s statement) assignments() ([]assignment, bool) {
	if s.first() != "SET" {
		return nil, false
	}
	rest := s.tokens[1:]
	if len(rest) > 0 && rest[0].Is("TRANSACTION", "STATEMENT", "CONSTRAINTS", "PASSWORD", "DEFAULT") || len(rest) > 1 && rest[0].Is("LOCAL") && s.dialect == sqlscan.PostgreSQL {
		return []assignment{{once: true}}, true
	}
	if s.dialect != sqlscan.MySQL || len(rest) > 0 && rest[0].Is("NAMES", "CHARACTER", "CHARSET", "ROLE") {
		return []assignment{{name: s.at(1), value: nil}}, true
	}
	var all []assignment
	for _, clause := range sqlscan.Clauses(rest) {
		all = append(all, parseAssignment(clause))
	}
	return all, true
}

// parseAssignment parses "name = value", "@@session.name = value" or "@name := value".
func parseAssignment(tokens []sqlscan.Token) assignment {
	var a assignment
	equals := slices.IndexFunc(tokens, func(t sqlscan.Token) bool { return t.Is("=") })
	if equals < 0 {
		return a
	}
	a.value = tokens[equals+1:]
	name := tokens[:equals]
	if n := len(name); n > 0 && name[n-1].Is(":") {
		name = name[:n-1]
	}
	user := len(name) > 1 && name[0].Is("@") && !name[1].Is("@")
	for _, t := range name {
		switch {
		case t.Is("GLOBAL", "PERSIST"):
			a.global = true
		case t.Kind != sqlscan.Symbol && !t.Is("SESSION", "LOCAL"):
			a.name = plain(t)
		}
	}
	if user {
		a.name = "@" + a.name
	}
	return a
}

// pureFunctions are functions whose result depends on their arguments alone.
var pureFunctions = []string{"concat", "concat_ws", "replace", "if", "ifnull", "coalesce", "upper", "lower", "cast", "convert"}

// volatileVariables are system variables that depend on earlier statements, on rows or on the time.
var volatileVariables = []string{
	"last_insert_id", "identity", "insert_id", "warning_count", "error_count", "timestamp", "rand_seed1", "rand_seed2",
	"in_transaction", "pseudo_thread_id", "last_gtid", "gtid_current_pos", "gtid_binlog_pos",
}

// isRepeatable reports whether the assignment gives the same value in a new session: its value depends
// only on literals, settings, and variables that are not lost.
func (a assignment) isRepeatable(lost map[string]bool) bool {
	for i, t := range a.value {
		name := plain(t)
		switch {
		case t.Kind == sqlscan.Symbol || t.Kind == sqlscan.String:
		case t.Is("SELECT"), slices.Contains(volatileVariables, name):
			return false
		case i > 0 && a.value[i-1].Is("@") && lost["@"+name]:
			return false
		case i+1 < len(a.value) && a.value[i+1].Is("(") && !slices.Contains(pureFunctions, name):
			return false
		case strings.HasPrefix(name, "current_") || name == "localtime" || name == "localtimestamp":
			return false
		}
	}
	return true
}
