package held

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// assignment is one of those of a SET.
type assignment struct {
	// name is the setting's, or "@name" for a user's variable.
	name   string
	value  []sqlscan.Token
	global bool // not of the session
	once   bool // for the next transaction or statement only
}

// assignments reads a SET.
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
	depth, from := 0, 0
	for i := 0; i <= len(rest); i++ {
		switch {
		case i == len(rest), depth == 0 && rest[i].IsSymbol(","):
			all = append(all, assigned(rest[from:i]))
			from = i + 1
		case rest[i].IsSymbol("("):
			depth++
		case rest[i].IsSymbol(")"):
			depth--
		}
	}
	return all, true
}

// assigned reads "name = value", "@@session.name = value" and "@name := value".
func assigned(tokens []sqlscan.Token) assignment {
	var a assignment
	equals := slices.IndexFunc(tokens, func(t sqlscan.Token) bool { return t.IsSymbol("=") })
	if equals < 0 {
		return a
	}
	a.value = tokens[equals+1:]
	name := tokens[:equals]
	if n := len(name); n > 0 && name[n-1].IsSymbol(":") {
		name = name[:n-1]
	}
	user := len(name) > 1 && name[0].IsSymbol("@") && !name[1].IsSymbol("@")
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

// pure are functions whose result depends on nothing but their arguments.
var pure = []string{"concat", "concat_ws", "replace", "if", "ifnull", "coalesce", "upper", "lower", "cast", "convert"}

// moving are system variables that tell about statements and rows, or the time.
var moving = []string{
	"last_insert_id", "identity", "insert_id", "warning_count", "error_count", "timestamp", "rand_seed1", "rand_seed2",
	"in_transaction", "pseudo_thread_id", "last_gtid", "gtid_current_pos", "gtid_binlog_pos",
}

// closed reports whether the value depends on nothing but literals, settings
// and variables that are not lost: then setting it again gives it again.
func (a assignment) closed(lost map[string]bool) bool {
	for i, t := range a.value {
		name := plain(t)
		switch {
		case t.Kind == sqlscan.Symbol || t.Kind == sqlscan.String:
		case t.Is("SELECT"), slices.Contains(moving, name):
			return false
		case i > 0 && a.value[i-1].IsSymbol("@") && lost["@"+name]:
			return false
		case i+1 < len(a.value) && a.value[i+1].IsSymbol("(") && !slices.Contains(pure, name):
			return false
		case strings.HasPrefix(name, "current_") || name == "localtime" || name == "localtimestamp":
			return false
		}
	}
	return true
}
